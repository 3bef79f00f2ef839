import { EvegramError, hexOf, type AccountId, type ConversationId } from '@evegram/protocol'
import { MARK_HOUR_MS, type Marks } from '../../ports/marks.js'
import type { Committer } from './committer.js'
import type { ConversationMemory } from './conversation-cache.js'
import { NOTHING, type Databases } from './databases.js'
import { idBytesOf, KEY_OFFSETS, keyBehind, uint32At, writeId } from './keys.js'

/** Stands for the inbox of an append that marks none. */
const NO_INBOX = '0'.repeat(32)
/** The hour in which an account left that is still in. */
const NEVER = 0xffff_ffff
const JOINED_BYTES = 8

/** Writes the marks that came with appends. */
export class MarkWriter {
  readonly #databases: Databases
  readonly #markKey = new Uint8Array(KEY_OFFSETS.marks.end)
  readonly #hourKey = new Uint8Array(KEY_OFFSETS.hours.end)

  constructor(databases: Databases) {
    this.#databases = databases
  }

  /** Puts one mark. Of an append for nobody ({@link NO_INBOX}) only retention learns. */
  put(inbox: string, hour: number, conversation: string): void {
    const { marks, hours } = this.#databases
    writeId(this.#markKey, KEY_OFFSETS.marks.account, inbox)
    writeUint32(this.#markKey, KEY_OFFSETS.marks.hour, hour)
    writeId(this.#markKey, KEY_OFFSETS.marks.conversation, conversation)
    if (inbox !== NO_INBOX) void marks.put(this.#markKey, NOTHING)
    writeUint32(this.#hourKey, KEY_OFFSETS.hours.hour, hour)
    writeId(this.#hourKey, KEY_OFFSETS.hours.conversation, conversation)
    writeId(this.#hourKey, KEY_OFFSETS.hours.account, inbox)
    void hours.put(this.#hourKey, NOTHING)
  }
}

const NONE: readonly string[] = []

/** Which inboxes are not marked in `hour` as far as the memory knows, and takes note that they are from now on. */
export function unmarked(memory: ConversationMemory, hour: number, inboxes: readonly string[]): readonly string[] {
  if (memory.hour === hour && isWithin(inboxes, memory.marked)) return NONE
  const marked = memory.hour === hour ? [...memory.marked] : []
  // An append for nobody is listed too, so that retention finds it.
  const fresh = (inboxes.length === 0 ? [NO_INBOX] : inboxes).filter((inbox, index, all) => !marked.includes(inbox) && all.indexOf(inbox) === index)
  memory.hour = hour
  memory.marked = [...marked, ...fresh]
  return fresh
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

/** Marks that are durable and not in LMDB yet. */
export interface PendingMarks {
  /** Conversations of the marks of an inbox in `fromHour` or later. */
  marksOf(inbox: string, fromHour: number): Iterable<string>
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
  readonly #pending: PendingMarks
  /** What the commit that is being made writes, by account and conversation: it cannot be read yet. */
  readonly #written = new Map<string, Uint8Array>()
  #writtenIn = 0

  constructor(databases: Databases, committer: Committer, pending: PendingMarks) {
    this.#databases = databases
    this.#committer = committer
    this.#pending = pending
  }

  since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]> {
    return this.#read('read marks', () => {
      const fromHour = Math.max(0, Math.floor(sinceMs / MARK_HOUR_MS))
      const found = new Set<ConversationId>()
      const take = (conversation: ConversationId): void => {
        if (afterConversation === undefined || conversation > afterConversation) found.add(conversation)
      }
      for (const key of this.#marksOf(idBytesOf(account), fromHour)) take(conversationAt(key, KEY_OFFSETS.marks.conversation))
      // The journal keeps the conversations that it was given, as they are.
      for (const conversation of this.#pending.marksOf(account, fromHour)) take(conversation as ConversationId)
      for (const { conversation, untilHour } of this.#joined(account)) {
        // The first of its marks tells: a wide conversation is the only one in its inbox.
        if (untilHour >= fromHour && this.#isMarked(conversation, fromHour)) take(conversation)
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

  #isMarked(inbox: ConversationId, fromHour: number): boolean {
    return [...this.#marksOf(idBytesOf(inbox), fromHour, 1)].length > 0 || [...this.#pending.marksOf(inbox, fromHour)].length > 0
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
