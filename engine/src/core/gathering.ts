/**
 * While much comes in, what is to be stored is gathered for so long. A batch costs the same whatever is in it (a transaction, a sync, a page of the store
 * for each conversation, a presence look-up, a write to each socket), so fewer and larger ones are less CPU for every message; a message waits half of this.
 */
export const GATHER_MS = 8
/** From this rate on it is gathered: some 32 sends share a batch then. Below it nobody waits. */
export const GATHER_FROM_PER_MS = 4
/** The rate is that of the last stretch of so many ms or more: a burst in one moment is none. */
const RATE_OVER_MS = 10
/** A shorter wait is none: timers count whole milliseconds. */
const WAIT_MS_MIN = 1

/** Says how long to wait for more before a batch goes on. Plain numbers: it is asked for every batch. */
export class Gathering {
  #perMs = 0
  #wentMs = Number.NEGATIVE_INFINITY
  #count = 0
  #sinceMs = Number.NEGATIVE_INFINITY

  /** How long to gather from `nowMs` (monotonic) on, in ms: 0, or at least 1 and at most {@link GATHER_MS}. */
  waitMs(nowMs: number): number {
    if (this.#perMs < GATHER_FROM_PER_MS) return 0
    const waitMs = this.#wentMs + GATHER_MS - nowMs
    return waitMs < WAIT_MS_MIN ? 0 : waitMs
  }

  /** A batch of `count` goes on at `nowMs`. */
  went(count: number, nowMs: number): void {
    this.#wentMs = nowMs
    this.#count += count
    const elapsedMs = nowMs - this.#sinceMs
    if (elapsedMs < RATE_OVER_MS) return
    this.#perMs = this.#count / elapsedMs
    this.#count = 0
    this.#sinceMs = nowMs
  }
}
