import { EvegramError } from '@evegram/protocol'

/**
 * Runs work one after the other per key, and for different keys at once. It saves work (the second of two racing requests sees what the
 * first did before it verifies anything); correctness never rests on it, since other nodes do not share it.
 */
export class SerialByKey {
  readonly #limits: { readonly total: number; readonly perKey: number }
  readonly #tails = new Map<string, { tail: Promise<unknown>; waiting: number }>()
  #total = 0

  /** `total` and `perKey`: how many works may wait or run. */
  constructor(limits: { readonly total: number; readonly perKey: number }) {
    this.#limits = limits
  }

  /** Result of `work`, run when everything of `key` before it has ended. Rejects with `limited.rate` when a bound is reached. */
  async run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const lane = this.#tails.get(key) ?? { tail: Promise.resolve(), waiting: 0 }
    if (this.#total >= this.#limits.total || lane.waiting >= this.#limits.perKey) {
      throw new EvegramError('limited.rate', { operation: 'wait for a turn', retryAfterMs: 1_000 })
    }
    this.#total++
    lane.waiting++
    this.#tails.set(key, lane)
    const result = lane.tail.then(work)
    // A failure belongs to its caller; the next in the lane only waits for the end.
    lane.tail = result.catch(() => undefined)
    try {
      return await result
    } finally {
      this.#total--
      lane.waiting--
      if (lane.waiting === 0) this.#tails.delete(key)
    }
  }
}
