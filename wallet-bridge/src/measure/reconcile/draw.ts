/** Repeatable draws: the same seed draws the same. Not for anything secret. */
export class Draw {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 up to and without `end`, which is below 2^32. */
  below(end: number): number {
    // mulberry32 of Tommy Ettinger.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * end)
  }

  /** One of `items`. Throws when there are none. */
  of<Item>(items: readonly Item[]): Item {
    const drawn = items[this.below(items.length)]
    if (drawn === undefined) throw new Error('nothing to draw from')
    return drawn
  }

  /** `count` different places below `end`, each with its number in the order of drawing; all of them when `count` is more. */
  places(count: number, end: number): ReadonlyMap<number, number> {
    const places = new Map<number, number>()
    while (places.size < Math.min(count, end)) {
      const place = this.below(end)
      if (!places.has(place)) places.set(place, places.size)
    }
    return places
  }
}
