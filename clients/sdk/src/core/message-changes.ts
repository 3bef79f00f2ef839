import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, LIMITS, parseAccountId, parseDeviceId,
  type AccountId, type CborValue, type ConversationId, type MessageId, type PayloadContent,
} from '@evegram/protocol'
import type { Register, Said } from './register.js'
import type { Transaction } from './transaction.js'

/** What a text says. */
export interface SaidText {
  /** Absent where the row of the message has it. */
  readonly text?: string
  /** When it was edited so, ms since 1970 by the clock of who did; absent for what it said at first. */
  readonly atMs?: number
}

/** What others (and its author) said about one message: kept beside it, and before it arrives. */
export interface MessageChanges {
  /** By account; only those of the author count, and others are kept only until the author is known. */
  readonly edits: ReadonlyMap<AccountId, Register<SaidText>>
  /** By account: one each. '' where it was taken back. */
  readonly reactions: ReadonlyMap<AccountId, Register<string>>
  /** Who deleted it, and whether they may delete what others say. */
  readonly deleters: ReadonlyMap<AccountId, boolean>
  /** Numbers of the edits of this device: what is kept for sending them again has the texts too. */
  readonly ownEdits: readonly number[]
}

/** Nothing was said about it. */
export const NO_CHANGES: MessageChanges = { edits: new Map(), reactions: new Map(), deleters: new Map(), ownEdits: [] }

/** Start of the keys in table `messages` of what was said about messages: conversation and message id follow. */
export const CHANGES_PREFIX = 'x/'

const ROW_BYTES_MAX = 1_048_576
/** Everybody who ever was in a group may have reacted. */
const ACCOUNTS_MAX = 65_536

/** Key of a row in table `messages`. */
export function changesKey(conversation: ConversationId, message: MessageId): string {
  return `${CHANGES_PREFIX}${conversation}/${message}`
}

/** What was said about a message, as `source` sees it. */
export async function readChanges(source: Pick<Transaction, 'get'>, conversation: ConversationId, message: MessageId): Promise<MessageChanges> {
  const bytes = await source.get('messages', changesKey(conversation, message))
  return bytes === undefined ? NO_CHANGES : decodeChanges(bytes)
}

/** Writes the row; none where nothing is left. */
export function writeChanges(tx: Transaction, conversation: ConversationId, message: MessageId, changes: MessageChanges): void {
  const { edits, reactions, deleters, ownEdits } = changes
  const key = changesKey(conversation, message)
  if (edits.size + reactions.size + deleters.size + ownEdits.length === 0) tx.remove('messages', key)
  else tx.put('messages', key, encodeChanges(changes))
}

/** Row bytes. */
export function encodeChanges({ edits, reactions, deleters, ownEdits }: MessageChanges): Uint8Array<ArrayBuffer> {
  const textOf = ({ text, atMs }: SaidText): CborValue => ({ ...(text === undefined ? {} : { text }), ...(atMs === undefined ? {} : { atMs }) })
  return encodeCbor({
    edits: [...edits].map(([account, register]) => [idBytes(account), register.map((said) => saidMap(said, textOf(said.value)))]),
    reactions: [...reactions].map(([account, register]) => [idBytes(account), register.map((said) => saidMap(said, said.value))]),
    deleters: [...deleters].map(([account, any]) => [idBytes(account), any]), ownEdits: [...ownEdits],
  })
}

/** Throws `client.store` on a row of another shape. */
export function decodeChanges(bytes: Uint8Array): MessageChanges {
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  const pairs = (name: string): (readonly [AccountId, CborValue])[] => fields.list(name, ACCOUNTS_MAX).map((pair) => {
    // Array.isArray widens readonly arrays to any[]; what is in it is checked.
    const [account, value] = Array.isArray(pair) ? (pair as readonly CborValue[]) : []
    return account instanceof Uint8Array && value !== undefined ? [parseAccountId(hexOf(account)), value] : fields.fail(name)
  })
  const registerOf = <Value>(value: CborValue, read: (value: CborValue) => Value): Register<Value> =>
    // As above.
    (Array.isArray(value) ? (value as readonly CborValue[]) : fields.fail('register')).map((said) => readSaid(said, read))
  return {
    edits: new Map(pairs('edits').map(([account, value]) => [account, registerOf(value, readText)])),
    reactions: new Map(pairs('reactions').map(([account, value]) => [account, registerOf(value, (emoji) => (typeof emoji === 'string' ? emoji : fields.fail('emoji')))])),
    deleters: new Map(pairs('deleters').map(([account, any]) => [account, any === true])),
    ownEdits: fields.list('ownEdits', OWN_EDITS_MAX).map((number) => (typeof number === 'number' ? number : fields.fail('number'))),
  }
}

/** Edits of one message by this device that can be taken out of what is kept for sending again; the oldest beyond it are taken out at once. */
export const OWN_EDITS_MAX = 64

/** Map of one thing that was said, for a row. */
export function saidMap<Value>({ place, open }: Said<Value>, value: CborValue): CborValue {
  return { order: place.order, device: idBytes(place.device), epoch: place.epoch, number: place.number, open, value }
}

/** Reads such a map. Throws `client.store`. */
export function readSaid<Value>(value: CborValue, read: (value: CborValue) => Value): Said<Value> {
  const fields = new CborFields(value, 'client.store')
  return {
    place: { order: fields.uint64('order'), device: parseDeviceId(hexOf(fields.bytes('device', 16))), epoch: fields.uint('epoch'), number: fields.uint('number') },
    open: fields.boolean('open'), value: read(fields.value('value')),
  }
}

function readText(value: CborValue): SaidText {
  const fields = new CborFields(value, 'client.store')
  return {
    ...(fields.has('text') ? { text: fields.text('text', LIMITS.payloadBytesMax) } : {}), ...(fields.has('atMs') ? { atMs: fields.uint('atMs') } : {}),
  }
}

/** Content that says something about another message. */
export type AboutMessage = Extract<PayloadContent, { kind: 'reaction' | 'edit' | 'delete' }>

/** How a message changed. */
export type MessageChangeKind = AboutMessage['kind']
