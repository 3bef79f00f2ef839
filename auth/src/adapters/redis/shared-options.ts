import type { Clock } from '@evegram/protocol'
import type { Logger, Metrics } from '@evegram/platform'
import type { RedisConnection } from '@evegram/platform/redis'
import { base64urlOf } from '../../key-thumbprint.js'
import { keyedHash } from '../../keyed-hash.js'

/** What the adapters over Redis need. */
export interface SharedOptions {
  readonly redis: RedisConnection
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** 32 bytes that all auth processes share. Names in Redis are hashes under it: neither addresses nor ids can be read there. */
  readonly secret: Uint8Array
  /** First part of every key. Clusters that share a Redis need different ones. Default: `evegram`. */
  readonly prefix?: string
}

/** A key of Redis for something of `kind` called `name`. */
export function keyOf({ prefix = 'evegram', secret }: SharedOptions, kind: string, name: string): string {
  return `${prefix}:auth:${kind}:${base64urlOf(keyedHash(secret, 16, 'evegram/redis-key/v1', kind, name))}`
}
