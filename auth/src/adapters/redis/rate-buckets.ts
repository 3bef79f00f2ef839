import { EvegramError } from '@evegram/protocol'
import type { TakeResult } from '@evegram/platform'
import { WhileAway, type RedisReply } from '@evegram/platform/redis'
import { LocalRateBuckets } from '../../local-rate-buckets.js'
import type { RateBuckets, RateRule } from '../../ports/rate-buckets.js'
import { keyOf, type SharedOptions } from './shared-options.js'
import { TAKE_SCRIPT } from './take-script.js'

/** Buckets that all processes on one Redis share. While it is away each process keeps the limits for itself, from full buckets on. */
export class RedisRateBuckets implements RateBuckets {
  readonly #options: SharedOptions
  readonly #local: LocalRateBuckets
  readonly #whileAway: WhileAway

  constructor(options: SharedOptions) {
    this.#options = options
    this.#local = new LocalRateBuckets(options.clock)
    this.#whileAway = new WhileAway({ ...options, service: 'auth', what: 'rates' })
  }

  async take(rule: RateRule, key: string): Promise<TakeResult> {
    const { redis } = this.#options
    const answer = await this.#whileAway.ask(async () =>
      resultOf(await redis.run(TAKE_SCRIPT, [keyOf(this.#options, `rate.${rule.name}`, key)], [rule.capacity, rule.refillMs])))
    return answer ?? this.#local.take(rule, key)
  }
}

function resultOf(reply: RedisReply): TakeResult {
  const [taken, number] = reply !== null && typeof reply === 'object' ? reply : []
  if (typeof number !== 'number') throw new EvegramError('internal', { operation: 'read bucket', details: { reply: 'not what the script answers' } })
  return taken === 1 ? { status: 'taken', left: number } : { status: 'limited', retryAfterMs: number }
}
