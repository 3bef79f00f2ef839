import { RateLimit } from './rate-limit.js'

/** Hellos per second that a node takes when the configuration says nothing: above what one process can check, so only a storm meets it. */
export const HELLOS_PER_SECOND_DEFAULT = 2_000
/** Seconds of that rate which may come at once. */
const BURST_S = 2
/** Longest wait that is advised. */
const WAIT_MS_MAX = 30_000

/**
 * Takes hellos at a bounded rate: a hello costs auth, presence and a catch-up, and after an outage every client says one. Who is put off is told how long
 * to wait; the waits are spread so that those clients come back at the rate that the node takes.
 */
export class Admission {
  readonly #limit: RateLimit
  readonly #perSecond: number
  /** The time, on the monotonic clock, until which clients were told to come back. */
  #promisedMs = 0

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#limit = new RateLimit({ perSecond, burst: Math.max(1, perSecond * BURST_S) }, nowMs)
  }

  /** Milliseconds to wait before saying hello again, 0 when the hello is taken now. */
  take(nowMs: number): number {
    if (this.#limit.affords(1, nowMs)) {
      this.#limit.take(1)
      return 0
    }
    this.#promisedMs = Math.min(Math.max(this.#promisedMs, nowMs) + 1_000 / this.#perSecond, nowMs + WAIT_MS_MAX)
    return Math.ceil(this.#promisedMs - nowMs)
  }
}
