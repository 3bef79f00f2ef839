/** How a number came: the newest so far, behind a later one, or once more. */
export type Arrival = 'newest' | 'late' | 'again'

/** Numbers from 1 on that arrived from one sender. Keeps those that were passed over: none where everything comes in order. */
export class ArrivedNumbers {
  #newest = 0
  readonly #passedOver = new Set<number>()

  /** Says how a number came, and remembers it. */
  take(number: number): Arrival {
    if (number <= this.#newest) return this.#passedOver.delete(number) ? 'late' : 'again'
    for (let between = this.#newest + 1; between < number; between++) this.#passedOver.add(between)
    this.#newest = number
    return 'newest'
  }
}
