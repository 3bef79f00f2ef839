import { decodeCbor, idBytes, parseAccountId, parseConversationId, type CborValue } from '@evegram/protocol'
import { CHANNEL_GAP_PREFIX, CHANNEL_LOG_PREFIX, CHANNEL_PREFIX, channelPostPrefix } from '../core/channel-row.js'
import { CONVERSATION_PREFIX } from '../core/conversation-row.js'
import { GROUP_PREFIX } from '../core/group-row.js'
import { readHandled } from '../core/handled.js'
import { listRequests, REQUEST_PREFIX } from '../core/request-row.js'
import { decodeMessage, MESSAGE_PREFIX } from '../core/message-row.js'
import { CHANGES_PREFIX, changesKey } from '../core/message-changes.js'
import { VERIFIED_PREFIX } from '../core/verified.js'
import { exportedRegisters, REGISTER_PREFIX } from '../state/register-row.js'
import { STORE_LIMITS } from '../store/check-changes.js'
import type { LocalStore, StoreTable } from '../store/local-store.js'
import { decodeChain, RECEIVED_CHAIN_PREFIX } from '../sync/chain-row.js'
import { ARCHIVE_MAGIC, encodeRecord, type ArchiveRecord } from './archive-frame.js'
import { headerRecord, type ArchiveHeader } from './archive-header.js'
import { ARCHIVED_GAP_PREFIX } from './archived-gap.js'

/** Rows that one read takes: what is held in memory. */
const PAGE_ROWS = 128

type Row = { readonly key: string; readonly value: Uint8Array }
type Fields = Readonly<Record<string, CborValue>>

/**
 * What an archive is made of, and nothing else: the rows that it takes, by table and start of the key. Sessions, keys, prekeys, tokens, chains, the outbox
 * and what is kept for sending again are not among them.
 */
export const ARCHIVED_ROWS: readonly (readonly [StoreTable, string])[] = [
  ['state', REGISTER_PREFIX], ['accounts', VERIFIED_PREFIX], ['conversations', REQUEST_PREFIX], ['conversations', CONVERSATION_PREFIX], ['conversations', GROUP_PREFIX], ['messages', MESSAGE_PREFIX], ['messages', CHANGES_PREFIX],
  ['chains', RECEIVED_CHAIN_PREFIX], ['history', ARCHIVED_GAP_PREFIX], ['channels', CHANNEL_PREFIX], ['channels', CHANNEL_LOG_PREFIX],
  ['channels', 'p/'], ['channels', CHANNEL_GAP_PREFIX],
]

async function* rowsOf(store: Pick<LocalStore, 'list'>, table: StoreTable, prefix: string): AsyncGenerator<Row> {
  let from = prefix
  for (;;) {
    const page = await store.list(table, { from, to: `${prefix}~`, limit: PAGE_ROWS })
    for (const row of page) {
      yield row
      // The smallest key behind this one.
      from = `${row.key} `
    }
    if (page.length < PAGE_ROWS) return
  }
}

/** The map of a row as it is, with the fields of newer versions. */
function mapOf(value: Uint8Array): Fields {
  // Every row that an archive takes is a map; whoever imports it checks each of its fields.
  return decodeCbor(value, STORE_LIMITS.valueBytesMax) as Fields
}

/** Id of a key whose last part it is. */
function idOfKey(key: string, prefix: string): Uint8Array {
  return idBytes(parseConversationId(key.slice(prefix.length)))
}

/** A message for the archive, with what was said about it; undefined for one that waits for the server (it goes to other devices by itself) or was given up. */
async function messageRecord(store: LocalStore, value: Uint8Array): Promise<ArchiveRecord | undefined> {
  const { state, messageId, conversation, expiresIn, expiresAtMs } = decodeMessage(value)
  // What disappears is not kept elsewhere.
  if (state === 'queued' || state === 'failed' || expiresIn !== undefined || expiresAtMs !== undefined) return undefined
  const { arrival: _arrival, state: _state, fromArchive: _fromArchive, ...fields } = mapOf(value)
  const chain = (await readHandled(store, messageId))?.chainHash ?? new Uint8Array(0)
  const changes = await store.get('messages', changesKey(conversation, messageId))
  return { type: 'message', fields: { ...fields, conversation: idBytes(conversation), chain, ...(changes === undefined ? {} : { changes }) } }
}

async function* messageRecords(store: LocalStore): AsyncGenerator<ArchiveRecord> {
  for await (const { value } of rowsOf(store, 'messages', MESSAGE_PREFIX)) {
    const record = await messageRecord(store, value)
    if (record !== undefined) yield record
  }
}

async function* gapRecords(store: LocalStore): AsyncGenerator<ArchiveRecord> {
  for await (const { key, value } of rowsOf(store, 'chains', RECEIVED_CHAIN_PREFIX)) {
    const { account, device, epoch, gaps } = decodeChain(value)
    const conversation = idBytes(parseConversationId(key.slice(RECEIVED_CHAIN_PREFIX.length).split('/')[0] ?? ''))
    for (const { from, to, reason } of gaps) {
      yield { type: 'gap', fields: { conversation, account: idBytes(account), device: idBytes(device), epoch, from, to, reason } }
    }
  }
  for await (const { value } of rowsOf(store, 'history', ARCHIVED_GAP_PREFIX)) yield { type: 'gap', fields: mapOf(value) }
}

async function* channelRecords(store: LocalStore): AsyncGenerator<ArchiveRecord> {
  for await (const { key, value } of rowsOf(store, 'channels', CHANNEL_PREFIX)) {
    const id = parseConversationId(key.slice(CHANNEL_PREFIX.length))
    const channel = idBytes(id)
    const log = await store.get('channels', `${CHANNEL_LOG_PREFIX}${id}`)
    if (log === undefined) continue
    for await (const post of rowsOf(store, 'channels', channelPostPrefix(id))) yield { type: 'post', fields: { ...mapOf(post.value), channel } }
    for await (const gap of rowsOf(store, 'channels', `${CHANNEL_GAP_PREFIX}${id}/`)) yield { type: 'channel_gap', fields: { ...mapOf(gap.value), channel } }
    // Behind its posts: where the channel stands counts only once they are there.
    yield { type: 'channel', fields: { channel, row: value, log } }
  }
}

async function* contentRecords(store: LocalStore): AsyncGenerator<ArchiveRecord> {
  // First of all: who is accepted or blocked decides what becomes of the rest.
  for await (const register of exportedRegisters(store)) yield { type: 'register', fields: { register } }
  for await (const { key, value } of rowsOf(store, 'accounts', VERIFIED_PREFIX)) {
    yield { type: 'verified', fields: { ...mapOf(value), account: idBytes(parseAccountId(key.slice(VERIFIED_PREFIX.length))) } }
  }
  // Groups before the conversations that they belong to.
  for await (const { key, value } of rowsOf(store, 'conversations', GROUP_PREFIX)) yield { type: 'group', fields: { conversation: idOfKey(key, GROUP_PREFIX), row: value } }
  for await (const { key, value } of rowsOf(store, 'conversations', CONVERSATION_PREFIX)) {
    yield { type: 'conversation', fields: { ...mapOf(value), conversation: idOfKey(key, CONVERSATION_PREFIX) } }
  }
  // Before the messages that wait in them.
  for (const { conversation, account, group, firstAtMs, dropped } of await listRequests(store)) {
    yield { type: 'request', fields: { conversation: idBytes(conversation), account: idBytes(account), group, firstAtMs, dropped } }
  }
  yield* messageRecords(store)
  yield* gapRecords(store)
  yield* channelRecords(store)
}

/** What is in an archive. */
export interface ArchiveCount {
  records: number
  messages: number
}

/** The records of an archive of `store`, in the order that importing needs. The last one says how many there are. */
async function* collectArchive(store: LocalStore, header: ArchiveHeader, counted: ArchiveCount): AsyncGenerator<ArchiveRecord> {
  counted.records = 1
  counted.messages = 0
  yield headerRecord(header)
  for await (const record of contentRecords(store)) {
    counted.records += 1
    if (record.type === 'message') counted.messages += 1
    yield record
  }
  yield { type: 'end', fields: { ...counted } }
}

/** The bytes of an archive of `store`, in pieces of one record; `counted` grows meanwhile, and `onRecord` is called. */
export async function* writeArchive(
  store: LocalStore, header: ArchiveHeader, counted: ArchiveCount = { records: 0, messages: 0 }, onRecord: () => void = () => undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield ARCHIVE_MAGIC.slice()
  for await (const record of collectArchive(store, header, counted)) {
    yield encodeRecord(record)
    onRecord()
  }
}
