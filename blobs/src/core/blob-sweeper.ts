import { LIMITS, type Clock, type Timer } from '@evegram/protocol'
import type { Counter, Logger, Metrics } from '@evegram/platform'
import { BLOB_LIMITS } from '../config.js'
import type { BlobStore } from '../ports/blob-store.js'

/** What {@link BlobSweeper} needs. */
export interface BlobSweeperParts {
  readonly store: BlobStore
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

/** Removes, in bounded steps, blobs that expired and uploads that nobody goes on with. */
export class BlobSweeper {
  readonly #parts: BlobSweeperParts
  readonly #swept: Counter
  readonly #failed: Counter
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #stopping = false

  constructor(parts: BlobSweeperParts) {
    this.#parts = parts
    this.#swept = parts.metrics.counter({ name: 'blob_swept_total', help: 'Blobs and uploads that were removed because their time was over' })
    this.#failed = parts.metrics.counter({ name: 'blob_sweep_failures_total', help: 'Sweeps that failed' })
  }

  /** Sweeps now and every `BLOB_LIMITS.sweepIntervalMs`. */
  start(): void {
    this.#timer ??= this.#parts.clock.every(BLOB_LIMITS.sweepIntervalMs, () => { void this.sweep() })
    void this.sweep()
  }

  /** Resolved = no sweep runs any more. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#running
  }

  /** Sweeps once; joins the sweep that runs. Never rejects: the next one tries again. */
  sweep(): Promise<void> {
    this.#running ??= this.#step().catch((failure: unknown) => {
      this.#failed.add(1)
      this.#parts.log.warn({ err: failure }, 'a sweep of blobs failed')
    }).finally(() => { this.#running = undefined })
    return this.#running
  }

  async #step(): Promise<void> {
    const { store, clock } = this.#parts
    for (let step = 0; step < BLOB_LIMITS.sweepStepsMax && !this.#stopping; step++) {
      const removed = await store.sweep(clock.now(), LIMITS.uploadIdleMs, BLOB_LIMITS.sweepStepBlobs)
      this.#swept.add(removed)
      if (removed < BLOB_LIMITS.sweepStepBlobs) return
    }
  }
}
