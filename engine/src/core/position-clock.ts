import { EvegramError, LIMITS, type Clock, type Position } from '@evegram/protocol'

/** Largest change of rate by which the clock follows its reference: 0.1 %. */
export const SLEW_RATE_MAX = 0.001
/** A measured offset is worked off over this time, at {@link SLEW_RATE_MAX} at most. */
const SLEW_OVER_MS = 10_000
const COUNTER_MAX = 0xffffffff

/**
 * The clock that positions are made of (rule 1). Anchored once to wall time, it runs on the monotonic clock: a step of the wall
 * clock never moves it. It follows its reference by slewing; only when it is more than `maxSkewMs` behind does it jump, forward.
 * Architecture invariant: `nowMs` never goes back, and no two positions of one incarnation are equal.
 */
export class PositionClock {
  readonly incarnation: number
  readonly #clock: Clock
  #anchorMs: number
  #anchorMonotonicMs: number
  #rate = 0
  #lastTimeMs = 0
  #counter = 0

  /** `floorMs` is the largest position time the store has seen: the clock starts above it. */
  constructor(clock: Clock, incarnation: number, floorMs: number) {
    this.#clock = clock
    this.incarnation = incarnation
    this.#anchorMs = Math.max(clock.now(), floorMs + 1)
    this.#anchorMonotonicMs = clock.monotonicMs()
  }

  /** Time in ms since 1970, with fractions; `monotonicMs` is the present moment where the caller has just read it. */
  nowMs(monotonicMs = this.#clock.monotonicMs()): number {
    return this.#anchorMs + (monotonicMs - this.#anchorMonotonicMs) * (1 + this.#rate)
  }

  /**
   * The next position: above every earlier one of this clock. Throws `unavailable.clock` after 2^32 positions in one millisecond. `monotonicMs` is the
   * present moment where the caller has just read it.
   */
  next(monotonicMs = this.#clock.monotonicMs()): Position {
    const timeMs = Math.floor(this.nowMs(monotonicMs))
    if (timeMs > this.#lastTimeMs) {
      this.#lastTimeMs = timeMs
      this.#counter = 0
    } else if (this.#counter === COUNTER_MAX) throw new EvegramError('unavailable.clock', { operation: 'make position' })
    else this.#counter++
    return { timeMs: this.#lastTimeMs, incarnation: this.incarnation, counter: this.#counter }
  }

  /**
   * Follows the reference: `offsetMs` is how far it is ahead of this clock (negative: behind), just measured.
   * Returns how far the clock jumped forward, 0 when it only slews.
   */
  discipline(offsetMs: number): number {
    const nowMs = this.nowMs()
    this.#anchorMonotonicMs = this.#clock.monotonicMs()
    const jumpMs = offsetMs > LIMITS.maxSkewMs ? offsetMs : 0
    this.#anchorMs = nowMs + jumpMs
    this.#rate = jumpMs > 0 ? 0 : Math.max(-SLEW_RATE_MAX, Math.min(SLEW_RATE_MAX, offsetMs / SLEW_OVER_MS))
    return jumpMs
  }
}
