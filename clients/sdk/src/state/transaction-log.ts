import { CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseConversationId, type CborValue, type ConversationId } from '@evegram/protocol'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'

/** Bounds of the transaction log of a profile. */
export const TRANSACTION_LOG_LIMITS = {
  /** The log remembers this many of its newest numbers for messages; older entries of messages go. */
  messagesKept: 256,
} as const

/**
 * One local change, durable together with what it changed. `register`: a register was written; the entry stays until the other devices of the account were sent it,
 * and a later write of the register replaces it, so that there are never more entries than registers. `message`: an own message, by its place in its chain.
 */
export type LogEntry =
  | { readonly kind: 'register'; readonly key: string; readonly atMs: number }
  | { readonly kind: 'message'; readonly conversation: ConversationId; readonly epoch: number; readonly number: number; readonly atMs: number }

/** Where the log of this device stands. */
export interface LogHead {
  /** Number of its newest entry. 0 before the first. */
  readonly number: number
  /** Registers of each family. */
  readonly counts: ReadonlyMap<string, number>
}

const LOG_PREFIX = 'l/'
const HEAD_KEY = 'head'
const HEAD_BYTES_MAX = 4_096
/** Families that are counted by themselves; what newer versions may add is counted together beyond it. */
const FAMILIES_MAX = 64

/** Key of an entry in table `state`. */
function entryKey(number: number): string {
  return `${LOG_PREFIX}${sortable(number)}`
}

/** Where the log stands, as `source` sees it. */
export async function readLogHead(source: Pick<Transaction, 'get'>): Promise<LogHead> {
  const row = await source.get('state', HEAD_KEY)
  if (row === undefined) return { number: 0, counts: new Map() }
  const fields = new CborFields(decodeCbor(row, HEAD_BYTES_MAX), 'client.store')
  const sizes = fields.list('sizes', FAMILIES_MAX)
  const counts = new Map(fields.list('families', FAMILIES_MAX).map((family, index) => {
    const size = sizes[index]
    return typeof family === 'string' && typeof size === 'number' ? [family, size] : fields.fail('families with their sizes')
  }))
  return { number: fields.uint('number'), counts }
}

/** Counts one more register of a family. */
export async function countRegister(tx: Transaction, family: string): Promise<void> {
  const head = await readLogHead(tx)
  const name = head.counts.has(family) || head.counts.size < FAMILIES_MAX - 1 ? family : 'others'
  writeLogHead(tx, { ...head, counts: new Map([...head.counts, [name, (head.counts.get(name) ?? 0) + 1]]) })
}

function writeLogHead(tx: Transaction, { number, counts }: LogHead): void {
  tx.put('state', HEAD_KEY, encodeCbor({ number, families: [...counts.keys()], sizes: [...counts.values()] }))
}

/** Adds an entry. Resolves with its number: 1, 2, 3, ... */
export async function appendEntry(tx: Transaction, entry: LogEntry): Promise<number> {
  const head = await readLogHead(tx)
  const number = head.number + 1
  writeLogHead(tx, { ...head, number })
  tx.put('state', entryKey(number), encodeEntry(entry))
  const oldKey = entryKey(number - TRANSACTION_LOG_LIMITS.messagesKept)
  const old = number > TRANSACTION_LOG_LIMITS.messagesKept ? await tx.get('state', oldKey) : undefined
  if (old !== undefined && decodeEntry(old).kind === 'message') tx.remove('state', oldKey)
  return number
}

/** Notes an own message in the transaction that makes it durable. */
export async function logMessage(tx: Transaction, conversation: ConversationId, epoch: number, number: number, atMs: number): Promise<void> {
  await appendEntry(tx, { kind: 'message', conversation, epoch, number, atMs })
}

/** Takes an entry out of the log: it was sent, or replaced. Nothing happens where there is none. */
export function removeEntry(tx: Transaction, number: number): void {
  tx.remove('state', entryKey(number))
}

/** Entries behind `after`, in order, at most `limit`. */
export async function listEntries(store: Pick<LocalStore, 'list'>, after: number, limit: number): Promise<readonly (LogEntry & { readonly at: number })[]> {
  const rows = await store.list('state', { from: entryKey(after + 1), to: `${LOG_PREFIX}~`, limit })
  return rows.map(({ key, value }) => ({ ...decodeEntry(value), at: Number.parseInt(key.slice(LOG_PREFIX.length), 16) }))
}

function encodeEntry(entry: LogEntry): Uint8Array<ArrayBuffer> {
  const map: Record<string, CborValue> = entry.kind === 'register'
    ? { key: entry.key, at: entry.atMs }
    : { conversation: idBytes(entry.conversation), epoch: entry.epoch, number: entry.number, at: entry.atMs }
  return encodeCbor(map)
}

function decodeEntry(row: Uint8Array): LogEntry {
  const fields = new CborFields(decodeCbor(row, 512), 'client.store')
  if (fields.has('key')) return { kind: 'register', key: fields.text('key', 128), atMs: fields.uint('at') }
  return {
    kind: 'message', conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))), epoch: fields.uint('epoch'), number: fields.uint('number'), atMs: fields.uint('at'),
  }
}
