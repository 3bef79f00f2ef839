/** Answers that are remembered. */
const SAMPLES = 64
/** The median is worked out anew after so many answers. */
const EVERY = 8

/** How long answers take in the middle of the latest ones: a few that never come do not move it, a store that is slow for all does. */
export class RecentLatency {
  readonly #samplesMs: number[] = []
  #added = 0
  #medianMs = 0

  /** One more answer that took so long. */
  add(tookMs: number): void {
    this.#samplesMs[this.#added % SAMPLES] = tookMs
    this.#added++
    if (this.#added > EVERY && this.#added % EVERY !== 0) return
    const sorted = [...this.#samplesMs].sort((one, other) => one - other)
    this.#medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0
  }

  /** 0 before the first answer. */
  get medianMs(): number {
    return this.#medianMs
  }
}
