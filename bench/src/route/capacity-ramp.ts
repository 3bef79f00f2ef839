/** A rate is multiplied by this from step to step, until one is too much. */
const GROWTH = 1.4
/** Halvings of the gap between what was sustained and what was not. */
const REFINEMENTS = 2

/** Looks for the highest rate that a system sustains: grows until one step fails, then tries between the last good and the first bad rate. */
export class CapacityRamp {
  readonly #startPerSecond: number
  #sustained = 0
  #failed = Number.POSITIVE_INFINITY
  #refinements = 0

  /** Begins at `startPerSecond`, or below it when that is too much. */
  constructor(startPerSecond: number) {
    this.#startPerSecond = startPerSecond
  }

  /** The highest rate that was sustained so far; 0 when none was. */
  get sustainedPerSecond(): number {
    return this.#sustained
  }

  /** The rate to try now; undefined when the search is over. */
  next(): number | undefined {
    if (this.#failed === Number.POSITIVE_INFINITY) return this.#sustained === 0 ? this.#startPerSecond : Math.ceil(this.#sustained * GROWTH)
    // Even the first rate was too much: down, as far as it takes.
    if (this.#sustained === 0) return this.#failed <= 1 ? undefined : Math.floor(this.#failed / 2)
    if (this.#refinements >= REFINEMENTS) return undefined
    const between = Math.round(Math.sqrt(this.#sustained * this.#failed))
    return between > this.#sustained && between < this.#failed ? between : undefined
  }

  /** Says how the step at `perSecond` went. */
  record(perSecond: number, isSustained: boolean): void {
    if (this.#failed !== Number.POSITIVE_INFINITY && this.#sustained > 0) this.#refinements++
    if (isSustained) this.#sustained = Math.max(this.#sustained, perSecond)
    else this.#failed = Math.min(this.#failed, perSecond)
  }
}
