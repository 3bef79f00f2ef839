import type { ConversationId, MessageId, Timer } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { listDue, listUnread, noteExpiry, type Due } from '../core/expiry-row.js'
import type { Message } from '../core/message.js'
import { decodeMessage, encodeMessage } from '../core/message-row.js'
import type { Transaction } from '../core/transaction.js'
import { removeMessage } from './remove-message.js'

/** Messages that one transaction removes, or begins to count for. */
const BATCH_ROWS = 64
/** The clock is looked at again after this at the latest: it may be corrected meanwhile. */
const LOOK_MS_MAX = 3_600_000
/** Shortest wait between two looks. */
const LOOK_MS_MIN = 250

/**
 * Removes messages whose time is over, and begins to count for those that were read: on this device whatever other own device read them on. All of it is
 * in the store, so a restart goes on where it ended.
 */
export class Expiry {
  readonly #core: Core
  readonly #ends: readonly (() => void)[]
  #timer: Timer | undefined
  #running = false
  #again = false
  #closed = false

  constructor(core: Core) {
    this.#core = core
    this.#ends = [
      core.events.on('state-changed', ({ keys }) => {
        for (const key of keys) if (key.startsWith('read/')) this.#wasRead(key.slice('read/'.length) as ConversationId) // keys of this family name a conversation
      }),
      core.events.on('message', ({ expiresIn }) => { if (expiresIn !== undefined) this.#look() }),
    ]
  }

  /** Goes on with what the last run left. Call once. */
  async load(): Promise<void> {
    let after: string | undefined
    const conversations = new Set<ConversationId>()
    for (let more = true; more;) {
      const rows = await listUnread(this.#core.store, BATCH_ROWS, after === undefined ? {} : { after })
      for (const { conversation } of rows) conversations.add(conversation)
      after = rows.at(-1)?.key
      more = rows.length === BATCH_ROWS
    }
    for (const conversation of conversations) await this.#begin(conversation)
    await this.#sweep()
  }

  /** Nothing more is removed. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    for (const end of this.#ends) end()
  }

  #wasRead(conversation: ConversationId): void {
    this.#core.background.run('count until messages disappear', async () => {
      await this.#begin(conversation)
      this.#look()
    })
  }

  /** Begins to count for what was read. */
  async #begin(conversation: ConversationId): Promise<void> {
    const { local, state, store, time } = this.#core
    for (let more = true; more;) {
      const read = await state.readUpTo(conversation)
      if (read === undefined) return
      const rows = await listUnread(store, BATCH_ROWS, { upTo: { conversation, order: read.order } })
      await local.write(async (tx) => {
        for (const { key, rowKey } of rows) {
          tx.remove('messages', key)
          const row = await tx.get('messages', rowKey)
          if (row === undefined) continue
          const message = decodeMessage(row)
          const counted: Message = { ...message, expiresAtMs: time.now() + (message.expiresIn ?? 0) * 1_000 }
          tx.put('messages', rowKey, encodeMessage(counted))
          noteExpiry(tx, counted, rowKey)
        }
      })
      more = rows.length === BATCH_ROWS
    }
  }

  /** Removes what is due now, unless that is going on already. */
  #look(): void {
    if (this.#closed) return
    if (this.#running) {
      this.#again = true
      return
    }
    this.#core.background.run('remove messages that disappear', () => this.#sweep())
  }

  async #sweep(): Promise<void> {
    this.#running = true
    try {
      do {
        this.#again = false
        for (;;) {
          const due = (await listDue(this.#core.store, BATCH_ROWS)).filter(({ atMs }) => atMs <= this.#core.time.now())
          if (due.length === 0 || this.#closed) break
          await this.#core.local.write(async (tx) => { for (const row of due) await this.#remove(tx, row) })
        }
      } while (this.#again && !this.#closed)
    } finally {
      this.#running = false
    }
    await this.#plan()
  }

  async #plan(): Promise<void> {
    const [next] = await listDue(this.#core.store, 1)
    this.#timer?.cancel()
    this.#timer = undefined
    if (next === undefined || this.#closed) return
    const delayMs = Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, next.atMs - this.#core.time.now()))
    this.#timer = this.#core.clock.after(delayMs, () => { this.#look() })
  }

  async #remove(tx: Transaction, { key, messageId }: Due): Promise<void> {
    tx.remove('messages', key)
    const message = await removeMessage(this.#core, tx, messageId)
    if (message !== undefined) this.#tell(tx, message.conversation, messageId)
  }

  #tell(tx: Transaction, conversation: ConversationId, messageId: MessageId): void {
    tx.afterCommit(() => { this.#core.events.emit('message-expired', { conversation, messageId }) })
  }
}
