import { EvegramError } from '@evegram/protocol'

interface Lane {
  tail: Promise<unknown>
  waiting: number
}

/**
 * Runs work one after the other per key, and for different keys at once. It saves work (the second of two racing requests sees what the
 * first did before it verifies anything); correctness never rests on it, since other nodes do not share it.
 */
export class SerialByKey {
  readonly #limits: { readonly total: number; readonly perKey: number }
  readonly #tails = new Map<string, Lane>()
  #total = 0

  /** `total` and `perKey`: how many works may wait or run. */
  constructor(limits: { readonly total: number; readonly perKey: number }) {
    this.#limits = limits
  }

  /**
   * Result of `work`, run when everything of the key, or of any of several keys, before it has ended; it hears whether anything was before it.
   * Rejects with `limited.rate` when a bound is reached.
   */
  async run<Result>(key: string | readonly string[], work: (waited: boolean) => Promise<Result>): Promise<Result> {
    // All lanes are entered in one step, so two works can never wait for each other.
    const lanes = [...new Set(typeof key === 'string' ? [key] : key)].map((name) => ({ name, lane: this.#laneOf(name) }))
    if (this.#total >= this.#limits.total || lanes.some(({ lane }) => lane.waiting >= this.#limits.perKey)) {
      throw new EvegramError('limited.rate', { operation: 'wait for a turn', retryAfterMs: 1_000 })
    }
    const waited = lanes.some(({ lane }) => lane.waiting > 0)
    const result = Promise.all(lanes.map(({ lane }) => lane.tail)).then(() => work(waited))
    // A failure belongs to its caller; the next in the lane only waits for the end.
    const tail = result.catch(() => undefined)
    this.#total++
    for (const { name, lane } of lanes) {
      lane.waiting++
      lane.tail = tail
      this.#tails.set(name, lane)
    }
    try {
      return await result
    } finally {
      this.#total--
      for (const { name, lane } of lanes) {
        lane.waiting--
        if (lane.waiting === 0) this.#tails.delete(name)
      }
    }
  }

  #laneOf(name: string): Lane {
    return this.#tails.get(name) ?? { tail: Promise.resolve(), waiting: 0 }
  }
}
