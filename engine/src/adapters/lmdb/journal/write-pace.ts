/** Up to this average a synced write is done by the thread that asks for it, which waits for the disk. */
export const FAST_WRITE_MS_MAX = 3
/** A disk that was slower is tried again after this time, with some writes: until then a thread of the pool waits for it. */
export const SLOW_FOR_MS = 1_000
/** Part of the newest write in the average: a single slow one among fast ones says nothing about the disk, twelve of 10 ms do. */
const NEWEST_PART = 1 / 32

/**
 * Says whether the program itself may wait for a synced write. On a disk that syncs in some tenths of a millisecond that is shorter than the way through the
 * thread pool, whose threads wait for a core that the program is busy on; on a slow one everything else would stand still meanwhile.
 *
 * Only writes that were waited for say how fast the disk is: the others were measured with the wait for a core. So some in a while are a trial.
 */
export class WritePace {
  #averageMs = 0
  #slowUntilMs = Number.NEGATIVE_INFINITY

  /** Whether a write that begins at `nowMs` (monotonic) may be waited for. */
  isFast(nowMs: number): boolean {
    return nowMs >= this.#slowUntilMs
  }

  /** A write that was waited for, and ended at `nowMs`, took `ms`. */
  took(ms: number, nowMs: number): void {
    this.#averageMs += (ms - this.#averageMs) * NEWEST_PART
    if (this.#averageMs <= FAST_WRITE_MS_MAX) return
    this.#slowUntilMs = nowMs + SLOW_FOR_MS
    // The next trial is one of some writes: one that was slow by chance does not end it.
    this.#averageMs = FAST_WRITE_MS_MAX / 2
  }
}
