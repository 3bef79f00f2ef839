import { Redis } from 'ioredis'
import type { DurabilityStore } from '../store.js'

const COMMAND_TIMEOUT_MS = 2_000

/** Members of a set. */
export class RedisMembers implements DurabilityStore {
  #redis: Redis | undefined

  async open(addresses: readonly string[]): Promise<void> {
    const [url = ''] = addresses
    this.#redis = new Redis(url, { maxRetriesPerRequest: 0, commandTimeout: COMMAND_TIMEOUT_MS, enableOfflineQueue: false, lazyConnect: true, retryStrategy: () => 100 })
    // Every command that fails says so itself.
    this.#redis.on('error', () => undefined)
    await this.#redis.connect()
  }

  async write(id: string): Promise<void> {
    await this.#opened.sadd('durability', id)
  }

  async readAll(): Promise<ReadonlyMap<string, number>> {
    return new Map((await this.#opened.smembers('durability')).map((id) => [id, 1]))
  }

  async close(): Promise<void> {
    this.#redis?.disconnect()
  }

  get #opened(): Redis {
    if (this.#redis === undefined) throw new Error('not open')
    return this.#redis
  }
}
