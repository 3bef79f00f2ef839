import { EvegramError, type DeviceId } from '@evegram/protocol'
import type { RedisConnection, RedisReply, RedisScript } from '@evegram/platform/redis'
import type { PushClaim, PushClaims } from '../../ports/push-claims.js'
import type { RedisPresenceOptions } from './presence.js'
import { CLAIM_SCRIPT, REST_SCRIPT, WOKEN_SCRIPT } from './push-claims-scripts.js'
import { numberOf } from './replies.js'

/** What {@link CLAIM_SCRIPT} answers that is no time. */
const CLAIMED = -2
const TAKEN = -1

/** Claims in Redis: one key for each device, which ends by itself. The device is the hash tag of its key, so it works in a Redis Cluster. */
export class RedisPushClaims implements PushClaims {
  readonly #redis: RedisConnection
  readonly #prefix: string

  constructor(options: RedisPresenceOptions) {
    this.#redis = options.redis
    this.#prefix = options.prefix ?? 'evegram'
  }

  async claim(device: DeviceId, leaseMs: number): Promise<PushClaim> {
    const answer = await this.#run(CLAIM_SCRIPT, device, leaseMs)
    const forMs = numberOf(answer)
    if (forMs === CLAIMED) return { status: 'claimed' }
    return forMs === TAKEN ? { status: 'taken' } : { status: 'resting', forMs }
  }

  async woken(device: DeviceId, ttlMs: number): Promise<void> {
    await this.#run(WOKEN_SCRIPT, device, ttlMs)
  }

  async rest(device: DeviceId, restMs: number): Promise<void> {
    await this.#run(REST_SCRIPT, device, restMs)
  }

  async #run(script: RedisScript, device: DeviceId, ms: number): Promise<RedisReply> {
    try {
      return await this.#redis.run(script, [`${this.#prefix}:push:{${device}}`], [Math.ceil(ms)])
    } catch (cause) {
      throw new EvegramError('unavailable.presence', { operation: script.name, cause })
    }
  }
}
