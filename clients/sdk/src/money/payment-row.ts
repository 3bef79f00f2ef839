import {
  CborFields, decodeCbor, decodePayloadBody, encodeCbor, encodePayloadBody, hexOf, idBytes, isErrorCode, parseAccountId, parseConversationId,
  type AccountId, type CborValue, type ConversationId, type ErrorCode, type PaymentBody,
} from '@evegram/protocol'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'

/** A payment that was decided on and is not known to be done: the money, or the message that tells of it, is still to go. */
export interface PaymentRow {
  /** Place in the order in which they were decided on: 1, 2, 3, ... */
  readonly place: number
  readonly conversation: ConversationId
  readonly to: AccountId
  readonly payment: PaymentBody
  /** When it left and no answer came, in ms since 1970, server time; 0: it has not left. The server may do it still. */
  readonly unansweredAtMs: number
  /** The money has moved: only the message that tells of it is still to go. */
  readonly paid: boolean
  /** When it was decided on, in ms since 1970, server time; 0 in a row that an earlier version wrote. */
  readonly decidedAtMs: number
}

/** A payment that the server refused: nothing moved, and its person has not put it away yet. */
export interface RefusedRow extends PaymentRow {
  readonly code: ErrorCode
}

// Keys in table `payments`, beside those of statement-row.ts: `w/<place>` a payment that waits, `f/<place>` one that was refused, `q/<transfer>` that a request was paid with it.
const PREFIX = 'w/'
const REFUSED_PREFIX = 'f/'
const ANSWERED_PREFIX = 'q/'
const CODE_CHARACTERS_MAX = 64
const COUNTER = 'payment'
const ROW_BYTES_MAX = 8_192

/** Key of a row in table `payments`. */
export function paymentKey(place: number): string {
  return `${PREFIX}${sortable(place)}`
}

/** Writes a row. */
export function writePayment(tx: Transaction, row: PaymentRow): void {
  tx.put('payments', paymentKey(row.place), encodeCbor(fieldsOf(row)))
}

/** The rows that wait, in their order, up to `limit`. Rejects `client.store`. */
export async function listPayments(store: Pick<LocalStore, 'list'>, limit: number): Promise<readonly PaymentRow[]> {
  const rows = await store.list('payments', { from: PREFIX, to: `${PREFIX}~`, limit })
  return rows.map(({ value }) => readRow(new CborFields(decodeCbor(value, ROW_BYTES_MAX), 'client.store')))
}

/** Stages that a row waits no more, because the server refused it; the oldest of `refused` that are more than `max` with it are forgotten. */
export function moveToRefused(tx: Transaction, row: PaymentRow, code: ErrorCode, refused: readonly RefusedRow[], max: number): void {
  tx.remove('payments', paymentKey(row.place))
  tx.put('payments', `${REFUSED_PREFIX}${sortable(row.place)}`, encodeCbor({ ...fieldsOf(row), code }))
  for (const old of refused.slice(0, Math.max(0, refused.length + 1 - max))) removeRefused(tx, old)
}

/** The payments that were refused, the oldest first, up to `limit`. Rejects `client.store`. */
export async function listRefused(store: Pick<LocalStore, 'list'>, limit: number): Promise<readonly RefusedRow[]> {
  const rows = await store.list('payments', { from: REFUSED_PREFIX, to: `${REFUSED_PREFIX}~`, limit })
  return rows.map(({ value }) => {
    const fields = new CborFields(decodeCbor(value, ROW_BYTES_MAX), 'client.store')
    const code = fields.text('code', CODE_CHARACTERS_MAX)
    return { ...readRow(fields), code: isErrorCode(code) ? code : fields.fail('code') }
  })
}

/** Stages that a refused payment is put away. */
export function removeRefused(tx: Transaction, { place }: Pick<PaymentRow, 'place'>): void {
  tx.remove('payments', `${REFUSED_PREFIX}${sortable(place)}`)
}

/** Stages that a payment of a request was told: it is never decided on again here. One row for each request that was ever paid. */
export function writeAnswered(tx: Transaction, { transfer, request }: PaymentBody): void {
  if (request !== undefined) tx.put('payments', `${ANSWERED_PREFIX}${transfer}`, new Uint8Array([1]))
}

/** Whether the payment of a request was told by this device. */
export async function readAnswered(source: Pick<Transaction, 'get'>, transfer: string): Promise<boolean> {
  return (await source.get('payments', `${ANSWERED_PREFIX}${transfer}`)) !== undefined
}

function fieldsOf({ place, conversation, to, payment, unansweredAtMs, paid, decidedAtMs }: PaymentRow): Record<string, CborValue> {
  return { place, conversation: idBytes(conversation), to: idBytes(to), payment: encodePayloadBody({ kind: 'payment', body: payment }), unansweredAtMs, paid, decidedAtMs }
}

function readRow(fields: CborFields): PaymentRow {
  const content = decodePayloadBody('payment', fields.bytes('payment', { lengthMax: ROW_BYTES_MAX }))
  if (content.kind !== 'payment') return fields.fail('payment')
  return {
    place: fields.uint('place'), conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))), to: parseAccountId(hexOf(fields.bytes('to', 16))),
    payment: content.body, unansweredAtMs: fields.uint('unansweredAtMs'),
    // Rows of before do not say it: such a payment is asked for again, under its id, and answered as it was.
    paid: fields.has('paid') && fields.boolean('paid'), decidedAtMs: fields.has('decidedAtMs') ? fields.uint('decidedAtMs') : 0,
  }
}

/** The next free place, taken. */
export async function takePaymentPlace(tx: Transaction): Promise<number> {
  const row = await tx.get('meta', COUNTER)
  const place = 1 + (row === undefined ? 0 : new CborFields(decodeCbor(row, 64), 'client.store').uint('last'))
  tx.put('meta', COUNTER, encodeCbor({ last: place }))
  return place
}
