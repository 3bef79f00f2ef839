import type { Clock, Timer } from '@evegram/protocol'
import { subjectOf, type BusinessEvent, type EventStream, type Logger } from '@evegram/platform'
import { decodeLedgerEvent, type LedgerEvent } from './event.js'
import type { LedgerStore } from './ledger-store.js'

/** Name of the cursor of {@link LedgerRelay}. */
const CURSOR = 'relay'
/** Events of one step: what is published again, at most, after a process died. */
const STEP_EVENTS = 256
/** Pause after everything was published, and after a failure. */
const PAUSE_MS = 250

/** Parts of a {@link LedgerRelay}. */
export interface LedgerRelayParts {
  readonly store: LedgerStore
  readonly stream: EventStream
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Tells every change of the ledger on an {@link EventStream}, in order, at least once, on the subject `ledger.<kind>` under the id `ledger:<ledger>:<number>`.
 * How far it came is kept in the ledger: nothing is left out, whenever a process dies. Of several relays each goes on from where any of them came to.
 */
export class LedgerRelay {
  readonly #parts: LedgerRelayParts
  #timer: Timer | undefined
  #step: Promise<unknown> = Promise.resolve()
  #stopped = true

  constructor(parts: LedgerRelayParts) {
    this.#parts = parts
  }

  /** Begins to tell. */
  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#plan(0)
  }

  /** Ends it. Resolved = nothing is being told any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#step
  }

  /** Publishes what is next, up to a bound; how many events. Rejects as the store and the stream do; what was published then is published again. */
  async step(): Promise<number> {
    const { store, stream } = this.#parts
    const from = await store.cursor(CURSOR)
    const events = await store.events(from, STEP_EVENTS)
    for (const event of events) await stream.publish(businessEventOf(event))
    const last = events.at(-1)
    if (last === undefined) return 0
    // Another relay may have come further meanwhile: then its cursor counts.
    await store.moveCursor(CURSOR, from, last.number)
    return events.length
  }

  #plan(delayMs: number): void {
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#step = this.step().catch((failure: unknown) => {
        this.#parts.log.warn({ err: failure }, 'events of the ledger could not be published; they will be')
        return 0
      }).then((count) => { if (!this.#stopped) this.#plan(count === STEP_EVENTS ? 0 : PAUSE_MS) })
    })
  }
}

/** What is told of an event: its bytes as they are chained. */
export function businessEventOf(event: LedgerEvent): BusinessEvent {
  const { ledger, number, change: { kind } } = decodeLedgerEvent(event.bytes)
  return { id: `ledger:${ledger}:${String(number)}`, subject: subjectOf('ledger', kind), bytes: event.bytes, headers: {} }
}
