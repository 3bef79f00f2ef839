/** Every success adds this to the width. */
const GROWTH = 0.2

/** How much is under way at once: little at first, because what just started is slow; more with every success, half as much after a failure. */
export class AdaptiveWidth {
  readonly #max: number
  #width: number

  /** Begins at `start` and never goes above `max`. */
  constructor(start: number, max: number) {
    this.#max = max
    this.#width = Math.min(start, max)
  }

  /** Tasks that may be under way now, at least one. */
  get now(): number {
    return Math.max(1, Math.floor(this.#width))
  }

  succeeded(): void {
    this.#width = Math.min(this.#max, this.#width + GROWTH)
  }

  failed(): void {
    this.#width = Math.max(1, this.#width / 2)
  }
}
