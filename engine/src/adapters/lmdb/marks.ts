import { EvegramError, hexOf, type AccountId, type ConversationId } from '@evegram/protocol'
import { MARK_HOUR_MS, type Marks } from '../../ports/marks.js'
import type { Committer } from './committer.js'
import type { ConversationMemory } from './conversation-cache.js'
import { NOTHING, type Databases } from './databases.js'
import { idBytesOf, KEY_OFFSETS, keyBehind, uint32At, writeId } from './keys.js'

const NO_ACCOUNT = '0'.repeat(32)
/** The hour in which an account left that is still in. */
const NEVER = 0xffff_ffff
const JOINED_BYTES = 8

/** Writes marks in the commit of the append that they belong to, once for each account, conversation and hour. */
export class MarkWriter {
  readonly #databases: Databases
  readonly #markKey = new Uint8Array(KEY_OFFSETS.marks.end)
  readonly #hourKey = new Uint8Array(KEY_OFFSETS.hours.end)

  constructor(databases: Databases) {
    this.#databases = databases
  }

  /** Marks unless the memory knows that it was done. `hour` is the hour of the position. */
  mark(memory: ConversationMemory, hour: number, inboxes: readonly string[]): void {
    if (memory.hour === hour && isWithin(inboxes, memory.marked)) return
    const marked = memory.hour === hour ? [...memory.marked] : []
    // An append for nobody is listed too, so that retention finds it.
    for (const inbox of inboxes.length === 0 ? [NO_ACCOUNT] : inboxes) {
      if (marked.includes(inbox)) continue
      this.#put(inbox, hour, memory.id)
      marked.push(inbox)
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

interface Joined {
  readonly version: number
  readonly untilHour: number
}

/**
 * Reads marks, and keeps who is in which wide conversation. The work grows with the marks since the hour that is asked for, at most one for each hour
 * and conversation, and with the wide conversations of the account: one seek for each.
 */
export class LmdbMarks implements Marks {
  readonly #databases: Databases
  readonly #committer: Committer
  /** What the commit that is being made writes, by account and conversation: it cannot be read yet. */
  readonly #written = new Map<string, Uint8Array>()
  #writtenIn = 0

  constructor(databases: Databases, committer: Committer) {
    this.#databases = databases
    this.#committer = committer
  }

  since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]> {
    return this.#read('read marks', () => {
      const fromHour = Math.max(0, Math.floor(sinceMs / MARK_HOUR_MS))
      const found = new Set<ConversationId>()
      const take = (conversation: ConversationId): void => {
        if (afterConversation === undefined || conversation > afterConversation) found.add(conversation)
      }
      for (const key of this.#marksOf(idBytesOf(account), fromHour)) take(conversationAt(key, KEY_OFFSETS.marks.conversation))
      for (const { conversation, untilHour } of this.#joined(account)) {
        // The first of its marks tells: a wide conversation is the only one in its inbox.
        if (untilHour >= fromHour && [...this.#marksOf(idBytesOf(conversation), fromHour, 1)].length > 0) take(conversation)
      }
      return [...found].sort().slice(0, limit)
    })
  }

  join(conversation: ConversationId, accounts: readonly AccountId[], version: number): Promise<void> {
    return this.#write('join conversation', conversation, accounts, { version, untilHour: NEVER })
  }

  leave(conversation: ConversationId, accounts: readonly AccountId[], version: number, untilMs: number): Promise<void> {
    return this.#write('leave conversation', conversation, accounts, { version, untilHour: Math.max(0, Math.floor(untilMs / MARK_HOUR_MS)) })
  }

  wideOf(account: AccountId): Promise<readonly ConversationId[]> {
    return this.#read('read wide conversations', () =>
      [...this.#joined(account)].filter(({ untilHour }) => untilHour === NEVER).map(({ conversation }) => conversation))
  }

  #marksOf(inbox: Uint8Array, fromHour: number, limit?: number): Iterable<Uint8Array> {
    const start = new Uint8Array(KEY_OFFSETS.marks.conversation)
    start.set(inbox)
    writeUint32(start, KEY_OFFSETS.marks.hour, fromHour)
    return this.#databases.marks.getKeys({ start, ...endOf(inbox), ...(limit === undefined ? {} : { limit }) })
  }

  * #joined(account: AccountId): Iterable<{ readonly conversation: ConversationId; readonly untilHour: number }> {
    const start = idBytesOf(account)
    for (const { key, value } of this.#databases.wide.getRange({ start, ...endOf(start) })) {
      yield { conversation: conversationAt(key, KEY_OFFSETS.wide.conversation), untilHour: uint32At(value, 4) }
    }
  }

  /** One commit for all accounts. What stands is read inside it, so that the higher version wins whoever comes first. */
  #write(operation: string, conversation: ConversationId, accounts: readonly AccountId[], next: Joined): Promise<void> {
    const value = new Uint8Array(JOINED_BYTES)
    writeUint32(value, 0, next.version)
    writeUint32(value, 4, next.untilHour)
    return new Promise<void>((resolve, reject) => {
      this.#committer.add({
        bytes: accounts.length * JOINED_BYTES,
        apply: (commit) => {
          if (commit !== this.#writtenIn) this.#written.clear()
          this.#writtenIn = commit
          for (const account of accounts) this.#put(account, conversation, next, value)
        },
        settle: resolve,
        fail: (cause) => { reject(new EvegramError('unavailable.envelope_log', { operation, cause })) },
      })
    })
  }

  #put(account: AccountId, conversation: ConversationId, next: Joined, value: Uint8Array): void {
    const name = account + conversation
    const key = new Uint8Array(KEY_OFFSETS.wide.end)
    writeId(key, KEY_OFFSETS.wide.account, account)
    writeId(key, KEY_OFFSETS.wide.conversation, conversation)
    const standing = this.#written.get(name) ?? this.#databases.wide.get(key)
    if (standing !== undefined && !isNewer(next, standing)) return
    this.#written.set(name, value)
    void this.#databases.wide.put(key, value)
  }

  #read<Value>(operation: string, read: () => Value): Promise<Value> {
    try {
      return Promise.resolve(read())
    } catch (cause) {
      return Promise.reject(new EvegramError('unavailable.envelope_log', { operation, cause }))
    }
  }
}

/** Whether `next` stands above what is written: a higher version does, and of one version a leave above a join. */
function isNewer(next: Joined, standing: Uint8Array): boolean {
  const version = uint32At(standing, 0)
  return next.version > version || (next.version === version && next.untilHour < uint32At(standing, 4))
}

function conversationAt(key: Uint8Array, offset: number): ConversationId {
  // Keys were written from conversation ids: 16 bytes as hex are one again.
  return hexOf(key, offset, offset + 16) as ConversationId
}

function endOf(prefix: Uint8Array): { readonly end?: Uint8Array } {
  const end = keyBehind(prefix)
  return end === undefined ? {} : { end }
}
