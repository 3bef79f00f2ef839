import { EvegramError, hexOf, type AccountId, type ConversationId } from '@evegram/protocol'
import { MARK_HOUR_MS, type Marks } from '../../ports/marks.js'
import type { ConversationMemory } from './conversation-cache.js'
import { NOTHING, type Databases } from './databases.js'
import { idBytesOf, KEY_OFFSETS, keyBehind, writeId } from './keys.js'

const NO_ACCOUNT = '0'.repeat(32)

/** Writes marks in the commit of the append that they belong to, once for each account, conversation and hour. */
export class MarkWriter {
  readonly #databases: Databases
  readonly #markKey = new Uint8Array(KEY_OFFSETS.marks.end)
  readonly #hourKey = new Uint8Array(KEY_OFFSETS.hours.end)

  constructor(databases: Databases) {
    this.#databases = databases
  }

  /** Marks unless the memory knows that it was done. `hour` is the hour of the position. */
  mark(memory: ConversationMemory, hour: number, accounts: readonly string[]): void {
    if (memory.hour === hour && isWithin(accounts, memory.marked)) return
    const marked = memory.hour === hour ? [...memory.marked] : []
    // An append for nobody is listed too, so that retention finds it.
    for (const account of accounts.length === 0 ? [NO_ACCOUNT] : accounts) {
      if (marked.includes(account)) continue
      this.#put(account, hour, memory.id)
      marked.push(account)
    }
    memory.hour = hour
    memory.marked = marked
  }

  #put(account: string, hour: number, conversation: Uint8Array): void {
    const { marks, hours } = this.#databases
    writeId(this.#markKey, KEY_OFFSETS.marks.account, account)
    writeUint32(this.#markKey, KEY_OFFSETS.marks.hour, hour)
    this.#markKey.set(conversation, KEY_OFFSETS.marks.conversation)
    if (account !== NO_ACCOUNT) void marks.put(this.#markKey, NOTHING)
    writeUint32(this.#hourKey, KEY_OFFSETS.hours.hour, hour)
    this.#hourKey.set(conversation, KEY_OFFSETS.hours.conversation)
    writeId(this.#hourKey, KEY_OFFSETS.hours.account, account)
    void hours.put(this.#hourKey, NOTHING)
  }
}

function isWithin(accounts: readonly string[], marked: readonly string[]): boolean {
  if (accounts.length === 0) return true
  for (const account of accounts) if (!marked.includes(account)) return false
  return true
}

function writeUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24
  target[offset + 1] = value >>> 16
  target[offset + 2] = value >>> 8
  target[offset + 3] = value
}

/** Reads marks. The work grows with the marks since the hour that is asked for, at most one for each hour and conversation. */
export class LmdbMarks implements Marks {
  readonly #databases: Databases

  constructor(databases: Databases) {
    this.#databases = databases
  }

  since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]> {
    const id = idBytesOf(account)
    const start = new Uint8Array(KEY_OFFSETS.marks.conversation)
    start.set(id)
    writeUint32(start, KEY_OFFSETS.marks.hour, Math.max(0, Math.floor(sinceMs / MARK_HOUR_MS)))
    const end = keyBehind(id)
    const found = new Set<ConversationId>()
    try {
      for (const key of this.#databases.marks.getKeys({ start, ...(end === undefined ? {} : { end }) })) {
        // Keys were written from conversation ids: 16 bytes as hex are one again.
        const conversation = hexOf(key, KEY_OFFSETS.marks.conversation, KEY_OFFSETS.marks.end) as ConversationId
        if (afterConversation === undefined || conversation > afterConversation) found.add(conversation)
      }
    } catch (cause) {
      return Promise.reject(new EvegramError('unavailable.envelope_log', { operation: 'read marks', cause }))
    }
    return Promise.resolve([...found].sort().slice(0, limit))
  }
}
