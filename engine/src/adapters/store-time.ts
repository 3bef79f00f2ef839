import { withDeadline, type Logger } from '@evegram/platform'
import type { Clock } from '@evegram/protocol'

/** How often the store is asked what time it is. */
export const STORE_TIME_EVERY_MS = 5_000
/** An answer that took longer says too little. */
const ANSWER_MS_MAX = 1_000

/**
 * The time that tokens between services are made and checked by: that of the store, running on the monotonic clock between its answers. Wall time until the
 * first answer.
 *
 * Why not the wall clock: it may be set wrong while the node runs, and then auth refuses the node for as long as it is, though positions, cursors and leases go
 * by the store already. Why not by what the refusing side says its time is: a refusal is not signed, and whoever forges one could have a token made that
 * begins to be good tomorrow. The store is trusted with everything the tokens give access to. Whoever checks a token goes by a time of its own, as before: a
 * life of 60 s and the leeway stay as they are, so that a stolen token is worth no more than before.
 */
export class StoreTime implements Pick<Clock, 'now'> {
  readonly #clock: Clock
  readonly #log: Logger
  /** How far the store is ahead of the monotonic clock, in ms; undefined until it answered. */
  #aheadMs: number | undefined
  #asking = false
  #failing = false

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock
    this.#log = log
  }

  /** Milliseconds since 1970, as {@link Clock.now}. */
  now(): number {
    return this.#aheadMs === undefined ? this.#clock.now() : this.#clock.monotonicMs() + this.#aheadMs
  }

  /** Asks for the time of the store now and from now on, until the returned function is called. Resolves after the first answer, or without one. */
  async follow(ask: () => Promise<number>): Promise<() => void> {
    await this.#compare(ask)
    const timer = this.#clock.every(STORE_TIME_EVERY_MS, () => { void this.#compare(ask) })
    return () => { timer.cancel() }
  }

  async #compare(ask: () => Promise<number>): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    const askedMs = this.#clock.monotonicMs()
    try {
      const storeMs = await withDeadline(this.#clock, ANSWER_MS_MAX, 'ask the store for its time', ask)
      this.#aheadMs = storeMs - (askedMs + this.#clock.monotonicMs()) / 2
      this.#failing = false
    } catch (failure) {
      // The last answer goes on by the monotonic clock, which a day without the store moves by a second or two.
      if (!this.#failing) this.#log.warn({ err: failure }, 'the store does not say its time')
      this.#failing = true
    } finally {
      this.#asking = false
    }
  }
}
