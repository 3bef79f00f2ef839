import type { CborFields, CborValue } from './cbor.js'
import { utf8 } from './bytes.js'
import { EvegramError } from './errors.js'
import { LIMITS } from './limits.js'

/**
 * What a payment message says: "I sent you this". It is a note and proves nothing: money moved only when the reader's own statement of the wallet bridge holds
 * {@link paymentTransferId}. The asset is named as the wallet bridge names it, `<chain>/<token>`; the amount is decimal digits in its smallest unit.
 */
export interface PaymentBody {
  /** The client id of the transfer, which its sender chose: 1 to 64 letters, digits, `_`, `.` and `-`. */
  readonly transfer: string
  readonly asset: string
  readonly amount: string
  /** For people; may be empty. At most `LIMITS.paymentNoteBytesMax` bytes. */
  readonly note: string
  /** The request that it answers. */
  readonly request?: string
}

/** What a payment request says. Whoever pays names `request` in the payment, so that both sides see what it was for. */
export interface PaymentRequestBody {
  /** Chosen by who asks: 1 to 64 letters, digits, `_`, `.` and `-`. */
  readonly request: string
  readonly asset: string
  readonly amount: string
  /** For people; may be empty. At most `LIMITS.paymentNoteBytesMax` bytes. */
  readonly note: string
  /** Ms since 1970, clock of who asks: not to be paid afterwards. */
  readonly expiresAtMs: number
  /** Where it may be paid on the chain instead, as the chain writes it, with the memo that leads to the account. */
  readonly deposit?: { readonly address: string; readonly memo: string }
}

const CLIENT_ID = /^[A-Za-z0-9_.-]{1,64}$/
const ASSET = /^[a-z][a-z0-9]{0,15}\/[A-Za-z0-9_./-]{1,128}$/
const AMOUNT = /^[1-9][0-9]{0,37}$/
/** One line that can be shown and copied: no blank, no control character, none that turns the direction of writing. */
const VISIBLE = /^[\x21-\x7e]*$/
const ADDRESS_CHARACTERS_MAX = 128
/** A code of the wallet bridge has 20 characters; chains take more. */
const MEMO_CHARACTERS_MAX = 64

/** The id of a payment's transfer in the ledger: `u:<account>:<client id>`. Of the *sender*, so that nobody can show a transfer of somebody else as an own one. */
export function paymentTransferId(sender: string, transfer: string): string {
  return `u:${sender}:${transfer}`
}

/** CBOR fields of a payment. */
export function paymentFields({ transfer, asset, amount, note, request }: PaymentBody): Record<string, CborValue> {
  return { transfer, asset, amount, note, ...(request === undefined ? {} : { request }) }
}

/** CBOR fields of a payment request. */
export function paymentRequestFields({ request, asset, amount, note, expiresAtMs, deposit }: PaymentRequestBody): Record<string, CborValue> {
  return { request, asset, amount, note, expiresAtMs, ...(deposit === undefined ? {} : { address: deposit.address, memo: deposit.memo }) }
}

/** Reads the fields of a payment. Throws `invalid.payload`, and `too_large.payload` for the note. */
export function readPayment(fields: CborFields): PaymentBody {
  return {
    transfer: matching(fields, 'transfer', CLIENT_ID), ...readMoney(fields), ...(fields.has('request') ? { request: matching(fields, 'request', CLIENT_ID) } : {}),
  }
}

/** Reads the fields of a payment request. Throws `invalid.payload`, and `too_large.payload` for the note. */
export function readPaymentRequest(fields: CborFields): PaymentRequestBody {
  if (fields.has('address') !== fields.has('memo')) fields.fail('an address with its memo, or neither')
  const deposit = fields.has('address') ? { address: fields.text('address', ADDRESS_CHARACTERS_MAX), memo: fields.text('memo', MEMO_CHARACTERS_MAX) } : undefined
  if (deposit !== undefined && (deposit.address === '' || !VISIBLE.test(deposit.address) || !VISIBLE.test(deposit.memo))) fields.fail('address and memo: visible ASCII')
  return {
    request: matching(fields, 'request', CLIENT_ID), ...readMoney(fields), expiresAtMs: fields.uint('expiresAtMs', 2 ** 48 - 1), ...(deposit === undefined ? {} : { deposit }),
  }
}

function readMoney(fields: CborFields): Pick<PaymentBody, 'asset' | 'amount' | 'note'> {
  const note = fields.text('note', LIMITS.payloadBytesMax)
  if (utf8(note).length > LIMITS.paymentNoteBytesMax) throw new EvegramError('too_large.payload', { operation: 'read note' })
  return { asset: matching(fields, 'asset', ASSET), amount: matching(fields, 'amount', AMOUNT), note }
}

function matching(fields: CborFields, name: string, pattern: RegExp): string {
  const text = fields.text(name, 256)
  return pattern.test(text) ? text : fields.fail(name)
}
