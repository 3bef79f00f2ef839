import { EvegramError } from '@evegram/protocol'

/** Bounds of {@link Places}. */
export interface PlaceLimits {
  readonly max: number
  readonly perKeyMax: number
  readonly retryAfterMs: number
}

/** Work that is done at a time, in all and for one key. Who finds no place is told when to come again. */
export class Places {
  readonly #limits: PlaceLimits
  readonly #taken = new Map<string, number>()
  #total = 0

  constructor(limits: PlaceLimits) {
    this.#limits = limits
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#total
  }

  /** Takes a place of `key` and returns what gives it back (once, however often it is called). Throws `limited.rate`. */
  take(key: string): () => void {
    const own = this.#taken.get(key) ?? 0
    const { max, perKeyMax, retryAfterMs } = this.#limits
    if (this.#total >= max || own >= perKeyMax) throw new EvegramError('limited.rate', { operation: 'transfer blob', retryAfterMs })
    this.#total += 1
    this.#taken.set(key, own + 1)
    let given = false
    return () => {
      if (given) return
      given = true
      this.#total -= 1
      const now = (this.#taken.get(key) ?? 1) - 1
      if (now === 0) this.#taken.delete(key)
      else this.#taken.set(key, now)
    }
  }
}
