import { EvegramError, unitInterval, type ConversationId, type MessageId, type Position, type Timer } from '@evegram/protocol'
import { asEvegramError } from '../core/background.js'
import type { Core } from '../core/context.js'
import { Deferred } from '../core/deferred.js'
import type { Transaction } from '../core/transaction.js'
import type { Transmission } from './transmit.js'
import { decodeOutbox, outboxKey, type OutboxRow } from './outbox-row.js'

/** Bounds of the outbox, units last. */
export const OUTBOX_LIMITS = {
  /** Envelopes that wait for the server; past it `send` rejects with `limited.queue`. */
  rowsMax: 2_000,
  /** Conversations that transmit at the same time, one envelope each. */
  conversationsInFlightMax: 64,
  /** First wait after a refusal that time may heal; doubles, with full jitter. */
  backoffMs: 500,
  backoffMsMax: 15_000,
} as const

/** Rows that one step of loading reads. */
const LOAD_PAGE_ROWS = 100

/** A row as the outbox holds it in memory. */
interface Entry {
  readonly seq: number
  readonly messageId: MessageId
  readonly numbered: boolean
  parked: boolean
  /** It left this device: whatever the server said since, it may be stored, and what it says stands. */
  transmitted: boolean
}

interface Lane {
  readonly entries: Entry[]
  busy: boolean
  failures: number
  wait: Timer | undefined
}

/**
 * Envelopes that were committed and not acknowledged yet. Durable; in order within a conversation, one in flight at a time (the
 * server appends one at a time anyway), so that what was refused for good can still be replaced by a `void` before anything that
 * follows it has left. Sends the same bytes again until it knows.
 */
export class Outbox {
  readonly #core: Core
  readonly #transmission: Transmission
  readonly #lanes = new Map<ConversationId, Lane>()
  readonly #waiters = new Map<MessageId, Deferred<Position>>()
  #size = 0
  #inFlight = 0
  #live = false
  #closed = false

  constructor(core: Core, transmission: Transmission) {
    this.#core = core
    this.#transmission = transmission
  }

  /** Reads what the last run left. Call once, before anything is added. */
  async load(): Promise<void> {
    let from = ''
    for (let more = true; more;) {
      const rows = await this.#core.store.list('outbox', { from, limit: LOAD_PAGE_ROWS })
      for (const { key, value } of rows) {
        const row = decodeOutbox(value)
        const lane = this.#laneOf(row.conversation)
        // One at a time: only the first of each conversation can have been on its way when the last run ended.
        this.#push(lane, row, lane.entries.length === 0 && !row.held)
        from = `${key} `
      }
      more = rows.length === LOAD_PAGE_ROWS
    }
    for (const lane of this.#lanes.values()) unparkBehindNews(lane)
  }

  /** Envelopes that wait. */
  get size(): number {
    return this.#size
  }

  /** Throws `limited.queue` when nothing more fits. */
  checkRoom(): void {
    if (this.#closed) throw new EvegramError('client.closed', { operation: 'send' })
    if (this.#size >= OUTBOX_LIMITS.rowsMax) throw new EvegramError('limited.queue', { operation: 'send', details: { rowsMax: OUTBOX_LIMITS.rowsMax } })
  }

  /** Takes a staged row once `tx` is committed. */
  add(tx: Transaction, row: OutboxRow): void {
    tx.afterCommit(() => {
      const lane = this.#laneOf(row.conversation)
      this.#push(lane, row, false)
      // A new message is the occasion to try again what the server refused before.
      if (row.kind === 'message') for (const entry of lane.entries) entry.parked = false
      this.#pump()
    })
  }

  /** Resolves with the log position once the server stored the message; rejects when it never will, or with `client.closed`. */
  acknowledged(message: MessageId): Promise<Position> {
    const known = this.#waiters.get(message)
    if (known !== undefined) return known.promise
    const waiter = new Deferred<Position>()
    this.#waiters.set(message, waiter)
    return waiter.promise
  }

  /** Nobody waits for a message that was not committed. */
  forget(message: MessageId): void {
    this.#waiters.delete(message)
  }

  /** A connection is live: everything that waits is sent. */
  resume(): void {
    this.#live = true
    for (const lane of this.#lanes.values()) {
      lane.wait?.cancel()
      lane.wait = undefined
      lane.failures = 0
    }
    this.#pump()
  }

  /** No connection: nothing is started any more. */
  pause(): void {
    this.#live = false
  }

  /** Stops for good: those who wait are told `client.closed`; the rows stay for the next run. */
  close(): void {
    this.#closed = true
    this.#live = false
    for (const lane of this.#lanes.values()) lane.wait?.cancel()
    for (const waiter of this.#waiters.values()) waiter.reject(new EvegramError('client.closed', { operation: 'wait for acknowledgement' }))
    this.#waiters.clear()
  }

  #laneOf(conversation: ConversationId): Lane {
    const lane = this.#lanes.get(conversation) ?? { entries: [], busy: false, failures: 0, wait: undefined }
    this.#lanes.set(conversation, lane)
    return lane
  }

  #push(lane: Lane, row: OutboxRow, transmitted: boolean): void {
    lane.entries.push({ seq: row.seq, messageId: row.messageId, numbered: row.kind !== 'control', parked: row.parked, transmitted })
    this.#size += 1
  }

  #pump(): void {
    for (const [conversation, lane] of this.#lanes) {
      if (!this.#live || this.#inFlight >= OUTBOX_LIMITS.conversationsInFlightMax) return
      const first = lane.entries.find(({ parked }) => !parked)
      if (lane.busy || lane.wait !== undefined || first === undefined) continue
      // Numbers leave in order: what is parked in front goes first, or nothing numbered does.
      const parkedBefore = first.numbered && lane.entries.some((entry) => entry.parked && entry.seq < first.seq)
      if (parkedBefore) continue
      lane.busy = true
      this.#inFlight += 1
      this.#core.background.run('send', async () => {
        try {
          await this.#transmit(conversation, lane, first)
        } finally {
          lane.busy = false
          this.#inFlight -= 1
          if (lane.entries.length === 0 && lane.wait === undefined) this.#lanes.delete(conversation)
          this.#pump()
        }
      })
    }
  }

  async #transmit(conversation: ConversationId, lane: Lane, entry: Entry): Promise<void> {
    try {
      await this.#attempt(conversation, lane, entry)
    } catch (cause) {
      // Whatever failed, it must not be tried again at once: the store may be gone.
      this.#backOff(lane, undefined)
      throw asEvegramError(cause, 'send')
    }
  }

  async #attempt(conversation: ConversationId, lane: Lane, entry: Entry): Promise<void> {
    const bytes = await this.#core.store.get('outbox', outboxKey(entry.seq))
    if (bytes === undefined) {
      this.#drop(lane, entry)
      return
    }
    const fate = await this.#transmission.transmit(decodeOutbox(bytes), {
      transmitted: entry.transmitted, leaves: () => { entry.transmitted = true },
    })
    switch (fate.status) {
      case 'stored':
        this.#drop(lane, entry)
        lane.failures = 0
        this.#settle(entry.messageId, (waiter) => { waiter.resolve(fate.position) })
        return
      case 'again':
        return
      case 'later':
        this.#backOff(lane, fate.retryAfterMs)
        return
      case 'failed':
        await this.#fail(conversation, lane, entry, fate.error)
        return
      default:
        fate satisfies never
    }
  }

  async #fail(conversation: ConversationId, lane: Lane, entry: Entry, error: EvegramError): Promise<void> {
    const outcome = await this.#transmission.giveUp(conversation, entry.seq, { transmitted: entry.transmitted, error })
    const failed = new Set(outcome.failed)
    for (const other of [...lane.entries]) {
      if (outcome.removed.includes(other.messageId)) this.#drop(lane, other)
      else if (outcome.parked.includes(other.messageId)) other.parked = true
    }
    unparkBehindNews(lane)
    for (const messageId of failed) this.#settle(messageId, (waiter) => { waiter.reject(error) })
  }

  #settle(message: MessageId, settle: (waiter: Deferred<Position>) => void): void {
    const waiter = this.#waiters.get(message)
    if (waiter === undefined) return
    this.#waiters.delete(message)
    settle(waiter)
  }

  #drop(lane: Lane, entry: Entry): void {
    const index = lane.entries.indexOf(entry)
    if (index < 0) return
    lane.entries.splice(index, 1)
    this.#size -= 1
  }

  #backOff(lane: Lane, retryAfterMs: number | undefined): void {
    if (!this.#live) return
    const capMs = Math.min(OUTBOX_LIMITS.backoffMsMax, OUTBOX_LIMITS.backoffMs * 2 ** lane.failures)
    lane.failures = Math.min(lane.failures + 1, 16)
    const delayMs = (retryAfterMs ?? 0) + unitInterval(this.#core.random) * capMs
    lane.wait = this.#core.clock.after(delayMs, () => {
      lane.wait = undefined
      this.#pump()
    })
  }
}

/** What is parked is tried again with the next message; one that came meanwhile, or before a restart, would wait behind it for ever. */
function unparkBehindNews(lane: Lane): void {
  const news = lane.entries.findLast(({ numbered, parked }) => numbered && !parked)
  if (news !== undefined) for (const entry of lane.entries) if (entry.seq < news.seq) entry.parked = false
}
