import type { Clock } from '@evegram/protocol'

/**
 * The wall time of one machine without its backward steps: it runs on the monotonic clock and follows the wall clock forward only.
 * A store that shares the machine with its nodes has no better reference, and a corrected wall clock must not make it disagree with them.
 */
export class SteadyTime {
  readonly #clock: Clock
  #atMs: number
  #monotonicMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#atMs = clock.now()
    this.#monotonicMs = clock.monotonicMs()
  }

  /** Never answers below `floorMs` from now on. */
  raise(floorMs: number): void {
    this.#atMs = Math.max(this.nowMs(), floorMs)
  }

  /** Milliseconds since 1970; never goes back. */
  nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs()
    this.#atMs = Math.max(this.#clock.now(), this.#atMs + monotonicMs - this.#monotonicMs)
    this.#monotonicMs = monotonicMs
    return this.#atMs
  }
}
