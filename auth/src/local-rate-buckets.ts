import { TokenBuckets, type TakeResult } from '@evegram/platform'
import type { Clock } from '@evegram/protocol'
import type { RateBuckets, RateRule } from './ports/rate-buckets.js'

/** Buckets of this process alone. */
export class LocalRateBuckets implements RateBuckets {
  readonly #clock: Clock
  readonly #buckets = new Map<string, TokenBuckets>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async take(rule: RateRule, key: string): Promise<TakeResult> {
    let buckets = this.#buckets.get(rule.name)
    if (buckets === undefined) this.#buckets.set(rule.name, buckets = new TokenBuckets(this.#clock, rule))
    return buckets.take(key)
  }
}
