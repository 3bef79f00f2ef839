import { EvegramError, type Clock } from '@evegram/protocol'

/** Rates of one kind of limit. */
export interface TokenBucketOptions {
  /** Tokens of a full bucket: the burst that is allowed. */
  readonly capacity: number
  /** Time in which one token comes back. */
  readonly refillMs: number
  /** Keys remembered at once; beyond it the key that was used longest ago is forgotten (and counted in `forgotten`). */
  readonly keysMax: number
}

/** Whether tokens were taken, or after how many ms they would be there. */
export type TakeResult =
  | { readonly status: 'taken'; readonly left: number }
  | { readonly status: 'limited'; readonly retryAfterMs: number }

interface Bucket {
  tokens: number
  atMs: number
}

/** One bucket of tokens per key, on the monotonic clock. Pure apart from the clock; memory is bounded by `keysMax`. */
export class TokenBuckets {
  readonly #clock: Clock
  readonly #options: TokenBucketOptions
  /** In the order of last use: the first key is the one to forget. */
  readonly #buckets = new Map<string, Bucket>()
  #forgotten = 0

  /** Throws `invalid.argument` when a rate is not positive. */
  constructor(clock: Clock, options: TokenBucketOptions) {
    if (!(options.capacity > 0 && options.refillMs > 0 && options.keysMax >= 1)) {
      throw new EvegramError('invalid.argument', { operation: 'make token buckets' })
    }
    this.#clock = clock
    this.#options = options
  }

  /** Keys forgotten before their buckets were full again: above zero means that `keysMax` is too small for the load. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** Keys remembered now. */
  get keys(): number {
    return this.#buckets.size
  }

  /** Takes `cost` tokens of `key` if they are there; a cost above the capacity is never granted. */
  take(key: string, cost = 1): TakeResult {
    const bucket = this.#current(key)
    // Fractions of tokens add up in binary: a billionth is forgiven so that a full refill is a whole token.
    if (bucket.tokens + 1e-9 >= cost) {
      bucket.tokens = Math.max(0, bucket.tokens - cost)
      return { status: 'taken', left: Math.floor(bucket.tokens) }
    }
    return { status: 'limited', retryAfterMs: Math.max(1, Math.ceil((cost - bucket.tokens) * this.#options.refillMs - 0.001)) }
  }

  /** Gives `cost` tokens back, for work that was not done after all. */
  giveBack(key: string, cost = 1): void {
    const bucket = this.#current(key)
    bucket.tokens = Math.min(this.#options.capacity, bucket.tokens + cost)
  }

  #current(key: string): Bucket {
    const nowMs = this.#clock.monotonicMs()
    const known = this.#buckets.get(key)
    const bucket = known ?? { tokens: this.#options.capacity, atMs: nowMs }
    bucket.tokens = this.#refilled(bucket, nowMs)
    bucket.atMs = nowMs
    if (known === undefined) this.#makeRoom(nowMs)
    else this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    return bucket
  }

  #refilled(bucket: Bucket, nowMs: number): number {
    return Math.min(this.#options.capacity, bucket.tokens + (nowMs - bucket.atMs) / this.#options.refillMs)
  }

  #makeRoom(nowMs: number): void {
    if (this.#buckets.size < this.#options.keysMax) return
    for (const [key, bucket] of this.#buckets) {
      if (this.#refilled(bucket, nowMs) < this.#options.capacity) this.#forgotten++
      this.#buckets.delete(key)
      return
    }
  }
}
