import type { Timer } from '@evegram/protocol'

/** Sends that were positioned together and are not routed yet. */
export interface PositionedBatch {
  /** Smallest position time of the batch, in ms. */
  readonly oldestMs: number
  /** Sends that are still on their way. */
  remaining: number
  /** Planned look at what the store did not answer; cancelled when nothing is left. */
  overdue: Timer | undefined
}

/**
 * Positions of this node that are not published yet. No cursor may claim a time at or above the oldest of them: a send whose
 * append takes long, or whose outcome is unknown, holds the cursors back until the store said what became of it.
 */
export class InFlight {
  readonly #batches = new Set<PositionedBatch>()

  /** Registers `count` sends whose smallest position time is `oldestMs`. */
  begin(oldestMs: number, count: number): PositionedBatch {
    const batch = { oldestMs, remaining: count, overdue: undefined }
    this.#batches.add(batch)
    return batch
  }

  /** One send of the batch was published, or the store said that it was not stored. */
  settle(batch: PositionedBatch): void {
    batch.remaining--
    if (batch.remaining > 0) return
    batch.overdue?.cancel()
    // A set that shrinks leaves its old table to the collector, and that table what was in it: the look at the sends must not hang on it.
    batch.overdue = undefined
    this.#batches.delete(batch)
  }

  /**
   * Everything that this node positioned, or ever will position, at or before the returned time has been published.
   * Below the whole millisecond of `nowMs`, in which the next position may still lie.
   */
  publishedUntilMs(nowMs: number): number {
    let untilMs = Math.floor(nowMs) - 1
    for (const batch of this.#batches) if (batch.oldestMs - 1 < untilMs) untilMs = batch.oldestMs - 1
    return untilMs
  }

  /** Batches that are not complete. */
  get size(): number {
    return this.#batches.size
  }
}
