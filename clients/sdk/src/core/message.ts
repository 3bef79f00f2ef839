import {
  CborFields, decodeCbor, decodePayloadBody, encodeCbor, encodePayloadBody, hexOf, idBytes, LIMITS, messageIdOf, parseAccountId, parseConversationId, parseDeviceId,
  type AccountId, type CborValue, type ConversationId, type DeviceId, type MessageId, type MessageKey, type MessageTarget, type FileRef, type PaymentBody, type PaymentRequestBody,
  type PayloadContent, type SaidWith,
} from '@evegram/protocol'
import { extraFields, readExtras } from './message-extras.js'
import type { MessageReceipts } from './message-receipts.js'
import type { LocalStore } from '../store/local-store.js'
import type { Transaction } from './transaction.js'

/**
 * `queued` waits for the server, `sent` is stored by it, `received` came from another device. `failed` was given up: nothing that is new
 * will be said in its place; what had left this device may still arrive (a server can store what it refuses, and a peer may ask for it).
 */
export type MessageState = 'queued' | 'sent' | 'failed' | 'received'

/** Another message of the same conversation, whether or not it is here. */
export interface MessageReference extends MessageTarget {
  readonly messageId: MessageId
}

/** An emoji under a message. */
export interface Reaction {
  readonly emoji: string
  /** Each account shows one emoji under a message, the last it chose. In the order in which they came to it. */
  readonly by: readonly AccountId[]
}

/** What a message may say. */
export type MessageContent = Extract<PayloadContent, { kind: 'text' | 'payment' | 'payment_request' | 'files' }>

/** A message as shown. */
export interface Message {
  readonly messageId: MessageId
  readonly conversation: ConversationId
  /** Address of the sender's founding wallet, from its verified account log. */
  readonly from: string
  readonly fromAccount: AccountId
  readonly fromDevice: DeviceId
  /** Own messages, of this and of other own devices, go `out`. */
  readonly direction: 'in' | 'out'
  /** The number of a kind that this version does not know is shown as unsupported. */
  readonly kind: MessageContent['kind'] | `unknown:${number}`
  /** The note of a payment or payment request, the caption of files. Empty for unknown kinds and after `forget`. */
  readonly text: string
  /** Of a `payment`, until `forget`: what its sender *claims*. Anybody can write one: whether it was paid is what `Client.wallet.proofOf` says. */
  readonly payment?: PaymentBody
  /** Of a `payment_request`, until `forget`. */
  readonly request?: PaymentRequestBody
  /** Of `files`, until `forget`: fetched and opened by `Client.download`. Names and types are what the sender says. */
  readonly files?: readonly FileRef[]
  /** The message that it answers. */
  readonly replyTo?: MessageReference
  /** Absent without any. */
  readonly reactions?: readonly Reaction[]
  /** When its author changed what it says, by their clock, in ms since 1970. */
  readonly editedAtMs?: number
  /** It was deleted for everybody: it says nothing any more, and shows no reactions. */
  readonly deleted?: true
  /** It disappears so many seconds after it was sent (own ones) or read. */
  readonly expiresIn?: number
  /** When it disappears from this device, ms since 1970; absent until that is counted. */
  readonly expiresAtMs?: number
  /** Of an own message to others: who received and read it. As `Conversation.history` gives it: it is not part of what is stored of the message. */
  readonly receipts?: MessageReceipts
  /** Of an own message in a group: version of the membership log that it was stored under. */
  readonly membershipVersion?: number
  /** Its sender is a stranger: it waits with others as a request, see `Client.requests`. */
  readonly stranger?: true
  /** Conversations are sorted by (order, device, number) on every device. */
  readonly order: bigint
  readonly epoch: number
  readonly number: number
  /** Sender's clock in ms since 1970. */
  readonly sentAtMs: number
  /** When this device committed it, in ms since 1970, server time. */
  readonly receivedAtMs: number
  readonly state: MessageState
  /** Where the profile committed it among all its messages: 1, 2, 3, ...; 0 for one that came from an archive. */
  readonly arrival: number
  /** It came from a backup or from another own device: this device has not read it itself. */
  readonly fromArchive?: true
  /** Messages of the sender before this one are missing. As known when the message was committed; `gap` events tell the rest. */
  readonly gap?: boolean
}

const STATES: readonly MessageState[] = ['queued', 'sent', 'failed', 'received']
const ROW_BYTES_MAX = 262_144

/** Digits of a number so that byte order is numeric order; 14 hex digits hold 2^53. */
export function sortable(value: number | bigint, digits = 14): string {
  return value.toString(16).padStart(digits, '0')
}

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

/** The fields of a message that its content makes. */
export type ShownContent = Pick<Message, 'kind' | 'text' | 'payment' | 'request' | 'files' | 'replyTo' | 'expiresIn'>

/** What a message says beside its text. */
export function saidWith({ reply, expiresIn }: SaidWith, conversation: ConversationId): Pick<Message, 'replyTo' | 'expiresIn'> {
  return {
    ...(reply === undefined ? {} : { replyTo: { ...reply, messageId: messageIdOf({ conversation, ...reply }) } }),
    ...(expiresIn === undefined ? {} : { expiresIn }),
  }
}

/** The fields of a message that its content makes, in `conversation`. */
export function shownContent(content: MessageContent, conversation: ConversationId): ShownContent {
  switch (content.kind) {
    case 'text': return { kind: content.kind, text: content.body.text, ...saidWith(content.body, conversation) }
    case 'payment': return { kind: content.kind, text: content.body.note, payment: content.body }
    case 'payment_request': return { kind: content.kind, text: content.body.note, request: content.body }
    case 'files': return { kind: content.kind, text: content.body.text, files: content.body.files, ...saidWith(content.body, conversation) }
    default: return content satisfies never
  }
}

/** The message without what it says. */
export function withoutContent(message: Message): Message {
  const { payment: _payment, request: _request, files: _files, replyTo: _replyTo, ...rest } = message
  return { ...rest, text: '' }
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
