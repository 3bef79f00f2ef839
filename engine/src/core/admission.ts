import { RateLimit } from './rate-limit.js'

/** Hellos per second that a node takes when the configuration says nothing: above what one process can check, so only a storm meets it. */
export const HELLOS_PER_SECOND_DEFAULT = 2_000
/** Seconds of that rate which may come at once. */
const BURST_S = 2
/** Longest wait that is advised. */
const WAIT_MS_MAX = 30_000
/**
 * A hello that takes longer shows that too many are checked at once: auth and the stores are behind. Clients give a connection that has no answer up after
 * two seconds, and a check that nobody waits for any more is work that others needed.
 */
const CHECK_MS_GOAL = 500
/** Hellos that are checked at once: in the beginning, at least, at most. */
const AT_ONCE = { first: 64, min: 4, max: 1_024 } as const
/** A check within the goal adds this to the bound, one beyond it multiplies the bound: once for those that were under way together. */
const GROWTH = 0.25
const DECREASE = 0.7
/** Weight of a new duration in the average. */
const AVERAGE_SHARE = 0.1

/**
 * Takes hellos at a bounded rate, and only as many at once as are checked in good time: a hello costs auth, presence and a catch-up, and after an outage every
 * client says one. Who is put off is told how long to wait; the waits are spread so that those clients come back at the rate that the node takes.
 */
export class Admission {
  readonly #limit: RateLimit
  readonly #perSecond: number
  /** The time, on the monotonic clock, until which clients were told to come back. */
  #promisedMs = 0
  #underWay = 0
  #atOnceMax: number = AT_ONCE.first
  #averageMs = CHECK_MS_GOAL / 2
  #decreasedMs = Number.NEGATIVE_INFINITY

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#limit = new RateLimit({ perSecond, burst: Math.max(1, perSecond * BURST_S) }, nowMs)
  }

  /** Milliseconds to wait before saying hello again, 0 when the hello is taken now. */
  take(nowMs: number): number {
    const isFull = this.#underWay >= Math.floor(this.#atOnceMax)
    if (!isFull && this.#limit.affords(1, nowMs)) {
      this.#limit.take(1)
      return 0
    }
    // Little's law: what is under way, by how long it stays there.
    const perSecond = isFull ? Math.min(this.#perSecond, (this.#underWay * 1_000) / Math.max(1, this.#averageMs)) : this.#perSecond
    this.#promisedMs = Math.min(Math.max(this.#promisedMs, nowMs) + 1_000 / perSecond, nowMs + WAIT_MS_MAX)
    return Math.ceil(this.#promisedMs - nowMs)
  }

  /** The check of a hello that was taken begins. Every call is followed by one of {@link checked}. */
  began(): void {
    this.#underWay++
  }

  /** A check that began at `beganMs` is over, however it ended. */
  checked(beganMs: number, nowMs: number): void {
    const tookMs = nowMs - beganMs
    this.#averageMs += (tookMs - this.#averageMs) * AVERAGE_SHARE
    if (tookMs <= CHECK_MS_GOAL) {
      // A bound that nobody met says nothing about a higher one.
      if (this.#underWay * 2 >= this.#atOnceMax) this.#atOnceMax = Math.min(AT_ONCE.max, this.#atOnceMax + GROWTH)
    } else if (beganMs > this.#decreasedMs) {
      this.#atOnceMax = Math.max(AT_ONCE.min, this.#atOnceMax * DECREASE)
      this.#decreasedMs = nowMs
    }
    this.#underWay--
  }
}
