import {
  CborFields, decodeCbor, decodePayloadBody, encodeCbor, encodePayloadBody, hexOf, idBytes, LIMITS, messageIdOf, parseAccountId, parseConversationId, parseDeviceId,
  type CborValue, type ConversationId, type MessageKey,
} from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import { extraFields, readExtras } from './message-extras.js'
import type { Message, MessageState } from './message.js'
import { sortable } from './sortable.js'
import type { Transaction } from './transaction.js'

const STATES: readonly MessageState[] = ['queued', 'sent', 'failed', 'received']
const ROW_BYTES_MAX = 262_144

/** Start of the keys of messages in table `messages`; the other keys there are indexes. */
export const MESSAGE_PREFIX = 'm/'

/** Key of a message in table `messages`: (order, device, number) within its conversation. */
export function messageRowKey(message: Pick<Message, 'conversation' | 'order' | 'fromDevice' | 'epoch' | 'number'>): string {
  return `${MESSAGE_PREFIX}${message.conversation}/${sortable(message.order, 16)}/${message.fromDevice}/${sortable(message.epoch, 8)}/${sortable(message.number)}`
}

/** Key of the arrival index in table `messages`; its value is the key of the message. */
export function arrivalKey(arrival: number): string {
  return `a/${sortable(arrival)}`
}

/** What the row keeps beside the text: the body of a payment as it was said, the files. */
function bodyOf({ payment, request, files }: Message): Uint8Array | undefined {
  if (files !== undefined) return encodePayloadBody({ kind: 'files', body: { files, text: '' } })
  if (payment !== undefined) return encodePayloadBody({ kind: 'payment', body: payment })
  return request === undefined ? undefined : encodePayloadBody({ kind: 'payment_request', body: request })
}

function readBody(kind: Message['kind'], fields: CborFields): Pick<Message, 'payment' | 'request' | 'files'> {
  if (!fields.has('body') || (kind !== 'payment' && kind !== 'payment_request' && kind !== 'files')) return {}
  const content = decodePayloadBody(kind, fields.bytes('body', { lengthMax: LIMITS.payloadBytesMax }))
  if (content.kind === 'payment') return { payment: content.body }
  if (content.kind === 'files') return { files: content.body.files }
  return content.kind === 'payment_request' ? { request: content.body } : {}
}

/** Row of a message. */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const map: Record<string, CborValue> = {
    conversation: idBytes(message.conversation), from: message.from, account: idBytes(message.fromAccount), device: idBytes(message.fromDevice),
    out: message.direction === 'out', kind: message.kind, text: message.text, order: message.order, epoch: message.epoch, number: message.number,
    sentAtMs: message.sentAtMs, receivedAtMs: message.receivedAtMs, state: STATES.indexOf(message.state), arrival: message.arrival,
    gap: message.gap === true, ...extraFields(message),
  }
  const body = bodyOf(message)
  if (body !== undefined) map['body'] = body
  if (message.fromArchive === true) map['fromArchive'] = true
  return encodeCbor(map)
}

/** The fields of a message of an archive as a row keeps them: outside of the order of arrivals, and known to the server. */
export function withArchiveMarks(fields: Readonly<Record<string, CborValue>>, isOwn: boolean): Record<string, CborValue> {
  return { ...fields, out: isOwn, state: STATES.indexOf(isOwn ? 'sent' : 'received'), arrival: 0, fromArchive: true }
}

function kindOf(text: string, fields: CborFields): Message['kind'] {
  if (text === 'text' || text === 'payment' || text === 'payment_request' || text === 'files') return text
  const wire = /^unknown:([0-9]+)$/.exec(text)?.[1]
  return wire === undefined ? fields.fail('kind') : `unknown:${Number(wire)}`
}

/** Message of a row. Throws `client.store` on a row of another shape. */
export function decodeMessage(row: Uint8Array): Message {
  const fields = new CborFields(decodeCbor(row, ROW_BYTES_MAX), 'client.store')
  const key: MessageKey = {
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))),
    device: parseDeviceId(hexOf(fields.bytes('device', 16))),
    epoch: fields.uint('epoch'),
    number: fields.uint('number'),
  }
  const kind = kindOf(fields.text('kind', 32), fields)
  return {
    messageId: messageIdOf(key),
    conversation: key.conversation,
    from: fields.text('from', 256),
    fromAccount: parseAccountId(hexOf(fields.bytes('account', 16))),
    fromDevice: key.device,
    direction: fields.boolean('out') ? 'out' : 'in',
    kind,
    text: fields.text('text', ROW_BYTES_MAX),
    ...readBody(kind, fields),
    ...readExtras(fields, key.conversation),
    order: fields.uint64('order'),
    epoch: key.epoch,
    number: key.number,
    sentAtMs: fields.uint('sentAtMs'),
    receivedAtMs: fields.uint('receivedAtMs'),
    state: STATES[fields.uint('state', STATES.length - 1)] ?? fields.fail('state'),
    arrival: fields.uint('arrival'),
    ...(fields.boolean('gap') ? { gap: true } : {}),
    ...(fields.has('fromArchive') ? { fromArchive: true } : {}),
  }
}

const ARRIVAL_COUNTER = 'arrival'

/** The arrival of the newest message that `tx` sees, 0 before the first. */
export async function lastArrival(source: Pick<Transaction, 'get'>): Promise<number> {
  const row = await source.get('meta', ARRIVAL_COUNTER)
  return row === undefined ? 0 : new CborFields(decodeCbor(row, 64), 'client.store').uint('last')
}

/** Adds a new message to the profile under the next arrival. */
export async function addMessage(tx: Transaction, message: Omit<Message, 'arrival'>): Promise<Message> {
  const arrival = (await lastArrival(tx)) + 1
  const placed: Message = { ...message, arrival }
  const key = messageRowKey(placed)
  tx.put('messages', key, encodeMessage(placed))
  tx.put('messages', arrivalKey(arrival), new TextEncoder().encode(key))
  tx.put('meta', ARRIVAL_COUNTER, encodeCbor({ last: arrival }))
  return placed
}

/** Whether anything is shown in a conversation. */
export async function hasMessages(store: Pick<LocalStore, 'list'>, conversation: ConversationId): Promise<boolean> {
  const prefix = `${MESSAGE_PREFIX}${conversation}/`
  return (await store.list('messages', { from: prefix, to: `${prefix}~`, limit: 1 })).length > 0
}
