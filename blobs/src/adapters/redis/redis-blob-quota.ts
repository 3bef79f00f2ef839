import { createHmac } from 'node:crypto'
import { EvegramError, lengthPrefixed, type AccountId, type Clock } from '@evegram/protocol'
import type { Logger, Metrics } from '@evegram/platform'
import { WhileAway, type RedisConnection, type RedisReply, type RedisScript } from '@evegram/platform/redis'
import { LocalBlobQuota, type QuotaRules } from '../../core/local-blob-quota.js'
import type { BlobQuota, QuotaResult } from '../../ports/blob-quota.js'
import { GIVE_BACK_QUOTA, TAKE_QUOTA } from './quota-scripts.js'

/** What {@link RedisBlobQuota} needs. */
export interface RedisBlobQuotaOptions {
  readonly redis: RedisConnection
  readonly rules: QuotaRules
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** 32 bytes that all processes share. Names in Redis are hashes under it: no account can be read there. */
  readonly secret: Uint8Array
  /** First part of every key. Clusters that share a Redis need different ones. Default: `evegram`. */
  readonly prefix?: string
}

/** Quotas that all processes on one Redis share, to the byte. While it is away each process keeps them for itself, from full buckets on. */
export class RedisBlobQuota implements BlobQuota {
  readonly #options: RedisBlobQuotaOptions
  readonly #local: LocalBlobQuota
  readonly #whileAway: WhileAway

  constructor(options: RedisBlobQuotaOptions) {
    this.#options = options
    this.#local = new LocalBlobQuota(options.clock, options.rules)
    this.#whileAway = new WhileAway({ ...options, service: 'blobs', what: 'quota' })
  }

  async take(account: AccountId, bytes: number): Promise<QuotaResult> {
    const answer = await this.#ask(TAKE_QUOTA, account, bytes)
    if (answer === undefined) return this.#local.take(account, bytes)
    return answer.granted ? { status: 'taken' } : { status: 'full', retryAfterMs: answer.waitMs }
  }

  async giveBack(account: AccountId, bytes: number): Promise<void> {
    if (await this.#ask(GIVE_BACK_QUOTA, account, bytes) === undefined) await this.#local.giveBack(account, bytes)
  }

  #ask(script: RedisScript, account: AccountId, bytes: number): Promise<{ readonly granted: boolean; readonly waitMs: number } | undefined> {
    const { redis, rules, secret, prefix = 'evegram' } = this.#options
    const name = createHmac('sha256', secret).update(lengthPrefixed('evegram/blob-quota/v1', account)).digest('base64url').slice(0, 22)
    return this.#whileAway.ask(async () => resultOf(await redis.run(script, [`${prefix}:blobs:quota:${name}`], [rules.bytesPerDay, rules.blobsPerDay, bytes])))
  }
}

function resultOf(reply: RedisReply): { readonly granted: boolean; readonly waitMs: number } {
  const [granted, waitMs] = reply !== null && typeof reply === 'object' ? reply : []
  if (typeof waitMs !== 'number') throw new EvegramError('internal', { operation: 'read quota', details: { reply: 'not what the script answers' } })
  return { granted: granted === 1, waitMs }
}
