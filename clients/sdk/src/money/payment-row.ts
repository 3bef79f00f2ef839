import {
  CborFields, decodeCbor, decodePayloadBody, encodeCbor, encodePayloadBody, hexOf, idBytes, parseAccountId, parseConversationId,
  type AccountId, type ConversationId, type PaymentBody,
} from '@evegram/protocol'
import { sortable } from '../core/message.js'
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
}

const PREFIX = 'w/'
const COUNTER = 'payment'
const ROW_BYTES_MAX = 8_192

/** Key of a row in table `payments`. */
export function paymentKey(place: number): string {
  return `${PREFIX}${sortable(place)}`
}

/** Writes a row. */
export function writePayment(tx: Transaction, { place, conversation, to, payment, unansweredAtMs, paid }: PaymentRow): void {
  tx.put('payments', paymentKey(place), encodeCbor({
    place, conversation: idBytes(conversation), to: idBytes(to), payment: encodePayloadBody({ kind: 'payment', body: payment }), unansweredAtMs, paid,
  }))
}

/** The rows that wait, in their order, up to `limit`. Rejects `client.store`. */
export async function listPayments(store: Pick<LocalStore, 'list'>, limit: number): Promise<readonly PaymentRow[]> {
  const rows = await store.list('payments', { from: PREFIX, to: `${PREFIX}~`, limit })
  return rows.map(({ value }) => decodePayment(value))
}

function decodePayment(row: Uint8Array): PaymentRow {
  const fields = new CborFields(decodeCbor(row, ROW_BYTES_MAX), 'client.store')
  const content = decodePayloadBody('payment', fields.bytes('payment', { lengthMax: ROW_BYTES_MAX }))
  if (content.kind !== 'payment') return fields.fail('payment')
  return {
    place: fields.uint('place'), conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))), to: parseAccountId(hexOf(fields.bytes('to', 16))),
    payment: content.body, unansweredAtMs: fields.uint('unansweredAtMs'),
    // Rows of before do not say it: such a payment is asked for again, under its id, and answered as it was.
    paid: fields.has('paid') && fields.boolean('paid'),
  }
}

/** The next free place, taken. */
export async function takePaymentPlace(tx: Transaction): Promise<number> {
  const row = await tx.get('meta', COUNTER)
  const place = 1 + (row === undefined ? 0 : new CborFields(decodeCbor(row, 64), 'client.store').uint('last'))
  tx.put('meta', COUNTER, encodeCbor({ last: place }))
  return place
}
