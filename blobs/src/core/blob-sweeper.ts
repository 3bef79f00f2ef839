import { LIMITS, type Clock, type Timer } from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import { BLOB_LIMITS } from '../config.js'
import type { BlobStore } from '../ports/blob-store.js'

/** Removes, in bounded steps, blobs that expired and uploads that nobody goes on with. */
export class BlobSweeper {
  readonly #parts: { readonly store: BlobStore; readonly clock: Clock; readonly log: Logger }
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #stopping = false

  constructor(parts: { readonly store: BlobStore; readonly clock: Clock; readonly log: Logger }) {
    this.#parts = parts
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
      this.#parts.log.warn({ err: failure }, 'a sweep of blobs failed')
    }).finally(() => { this.#running = undefined })
    return this.#running
  }

  async #step(): Promise<void> {
    const { store, clock } = this.#parts
    for (let step = 0; step < BLOB_LIMITS.sweepStepsMax && !this.#stopping; step++) {
      const removed = await store.sweep(clock.now(), LIMITS.uploadIdleMs, BLOB_LIMITS.sweepStepBlobs)
      if (removed < BLOB_LIMITS.sweepStepBlobs) return
    }
  }
}
