import { CborFields, decodeCbor, encodeCbor, isEvegramError, textOf, type ConversationId } from '@evegram/protocol'
import type { Core } from './context.js'
import type { Message } from './message.js'
import { arrivalKey, decodeMessage, lastArrival } from './message-row.js'
import { ReceiptsOfMessages } from './message-receipts.js'

/** Rows that an iterator takes from the store at a time: what it holds in memory. */
const FEED_PAGE_ROWS = 64

const INBOX_PLACE = 'inbox'

/** A message of the inbox; `done` says that it was dealt with, durably. */
export interface InboxItem {
  readonly message: Message
  readonly done: () => Promise<void>
}

/** A place in an iteration over messages, to go on from it in another run. */
export interface FeedPlace {
  /** Messages of a conversation in its order from this key on, as far as they came up to `after`. Absent once these were given. */
  readonly from?: string
  /** Then messages by arrival behind this one. */
  readonly after: number
}

/** Messages behind a place, and the place behind them. */
export interface FeedStep {
  readonly messages: readonly Message[]
  readonly place: FeedPlace
  /** Nothing more is stored. */
  readonly end: boolean
}

/** Waits for messages to be committed, and reads them from the store: nothing is queued in memory. */
export class Feed {
  readonly #core: Core
  readonly #receipts: ReceiptsOfMessages
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(core: Core) {
    this.#core = core
    this.#receipts = new ReceiptsOfMessages(core)
    core.events.on('message', () => { this.#wake() })
    core.events.on('message-request', () => { this.#wake() })
  }

  /** Ends all iterators. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Messages by arrival behind `after`, for ever, until `signal` aborts or the client closes. */
  async *arrivals(after: number, signal: AbortSignal): AsyncGenerator<Message> {
    let place = after
    while (!signal.aborted && !this.#closed) {
      // Asked for before looking: a message committed in between must not be slept through.
      const woken = this.#next(signal)
      const page = await this.#page(place)
      if (page.length === 0) {
        await woken
        continue
      }
      for (const { arrival, message } of page) {
        if (signal.aborted || this.#closed) return
        place = arrival
        if (message !== undefined) yield message
      }
    }
  }

  async #page(after: number): Promise<{ readonly arrival: number; readonly message: Message | undefined }[]> {
    const { store } = this.#core
    try {
      const rows = await store.list('messages', { from: arrivalKey(after + 1), to: 'a/~', limit: FEED_PAGE_ROWS })
      const page = []
      for (const { key, value } of rows) {
        const row = await store.get('messages', textOf(value))
        page.push({ arrival: Number.parseInt(key.slice(2), 16), message: row === undefined ? undefined : decodeMessage(row) })
      }
      return page
    } catch (error) {
      // The store is closed with the client; an iterator then simply ends.
      if (this.#closed && isEvegramError(error, 'client.store')) return []
      throw error
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake, { once: true })
      if (signal.aborted || this.#closed) wake()
    })
  }

  /** The place in front of a conversation, behind the order key `after`. */
  async start(id: ConversationId, after: bigint | undefined): Promise<FeedPlace> {
    return { from: after === undefined ? `m/${id}/` : `m/${id}/${(after + 1n).toString(16).padStart(16, '0')}`, after: await lastArrival(this.#core.store) }
  }

  /** The next messages behind `place`, of a conversation or of all. `conversation` gives the same ones when it is not interrupted. */
  async step(id: ConversationId | undefined, place: FeedPlace): Promise<FeedStep> {
    if (id !== undefined && place.from !== undefined) {
      const rows = await this.#core.store.list('messages', { from: place.from, to: `m/${id}/~`, limit: FEED_PAGE_ROWS })
      const messages = await this.#receipts.on(id, rows.map(({ value }) => decodeMessage(value)).filter(({ arrival }) => arrival <= place.after))
      const last = rows.at(-1)
      return { messages, place: rows.length < FEED_PAGE_ROWS || last === undefined ? { after: place.after } : { from: `${last.key} `, after: place.after }, end: false }
    }
    const page = await this.#page(place.after)
    const messages = page.flatMap(({ message }) => (message === undefined || (id !== undefined && message.conversation !== id) ? [] : [message]))
    return { messages, place: { after: page.at(-1)?.arrival ?? place.after }, end: page.length < FEED_PAGE_ROWS }
  }

  /** Stored messages of a conversation in its order, then (with `live`) what arrives: each exactly once. */
  async *conversation(id: ConversationId, after: bigint | undefined, live: boolean, signal: AbortSignal): AsyncGenerator<Message> {
    const upTo = await lastArrival(this.#core.store)
    const prefix = `m/${id}/`
    let from = after === undefined ? prefix : `${prefix}${(after + 1n).toString(16).padStart(16, '0')}`
    for (;;) {
      const rows = await this.#core.store.list('messages', { from, to: `${prefix}~`, limit: FEED_PAGE_ROWS })
      for (const message of await this.#receipts.on(id, rows.map(({ value }) => decodeMessage(value)))) {
        if (signal.aborted || this.#closed) return
        if (message.arrival <= upTo) yield message
      }
      const last = rows.at(-1)
      // The smallest key behind this one.
      if (last !== undefined) from = `${last.key} `
      if (rows.length < FEED_PAGE_ROWS) break
    }
    if (!live) return
    for await (const message of this.arrivals(upTo, signal)) if (message.conversation === id) yield message
  }

  /** See `Client.inbox`. */
  async *inbox(fromStart: boolean, signal: AbortSignal): AsyncGenerator<InboxItem> {
    const start = fromStart ? 0 : await this.place()
    for await (const message of this.arrivals(start, signal)) {
      yield { message, done: () => this.done(message.arrival) }
    }
  }

  /** The arrival up to which the inbox was dealt with. */
  async place(): Promise<number> {
    const row = await this.#core.store.get('meta', INBOX_PLACE)
    return row === undefined ? 0 : new CborFields(decodeCbor(row, 64), 'client.store').uint('done')
  }

  /** The inbox was dealt with up to `arrival`. */
  done(arrival: number): Promise<void> {
    return this.#core.local.write(async (tx) => {
      if (arrival > (await this.place())) tx.put('meta', INBOX_PLACE, encodeCbor({ done: arrival }))
    })
  }
}

/**
 * An iterable over what `start` makes, that can be left at any time: `return` (a `break` of the loop) ends a wait for the next
 * value at once, where a bare async generator would first wait for it.
 */
export function cancellable<Value>(start: (signal: AbortSignal) => AsyncGenerator<Value>, outer?: AbortSignal): AsyncIterable<Value> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<Value> {
      const abort = new AbortController()
      const onOuter = (): void => { abort.abort() }
      if (outer?.aborted === true) abort.abort()
      outer?.addEventListener('abort', onOuter, { once: true })
      const values = start(abort.signal)
      const end = async (): Promise<IteratorResult<Value>> => {
        abort.abort()
        outer?.removeEventListener('abort', onOuter)
        return values.return(undefined)
      }
      return { next: () => values.next(), return: end }
    },
  }
}

