import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createMetrics, silentLogger, systemClock } from '@evegram/platform'
import { connectRedis } from '@evegram/platform/redis'
import { RedisServer, serviceAddresses, startRedisCluster } from '@evegram/platform/testing'
import { parseAccountId, sleep } from '@evegram/protocol'
import type { QuotaRules } from '../../core/local-blob-quota.js'
import { describeBlobQuota } from '../../ports/blob-quota.contract.js'
import { RedisBlobQuota } from './redis-blob-quota.js'

const clock = systemClock()
const PROCESSES = 3
const account = parseAccountId('a1'.repeat(16))

async function cluster(url: string, rules: QuotaRules, metrics = createMetrics()) {
  const [prefix, secret] = [`test_${randomBytes(6).toString('hex')}`, randomBytes(32)]
  const connections = await Promise.all(Array.from({ length: PROCESSES }, () => connectRedis({ url, name: 'test', log: silentLogger, clock })))
  return {
    connections, processes: connections.map((redis) => new RedisBlobQuota({ redis, rules, clock, log: silentLogger, metrics, secret, prefix })),
    advance: (ms: number) => sleep(clock, ms),
    close: async () => { for (const redis of connections) await redis.close() },
  }
}

describeBlobQuota({ name: 'redis', setup: (rules) => cluster(serviceAddresses('redis').join(','), rules) })

describe('quotas in Redis', () => {
  const rules = { bytesPerDay: 100, blobsPerDay: 10 }

  it('are kept by each process for itself while it is away, and shared again when it is back', async () => {
    const server = await RedisServer.start()
    const metrics = createMetrics()
    const made = await cluster(`redis://${server.place}`, rules, metrics)
    const grants = async (): Promise<number> => {
      let granted = 0
      for (let count = 0; count < 12; count++) if ((await made.processes[count % PROCESSES]!.take(account, 50)).status === 'taken') granted++
      return granted
    }
    expect(await grants()).toBe(2)
    await server.kill()
    expect(await grants()).toBe(2 * PROCESSES)
    expect(await metrics.text()).toContain('blobs_decided_alone_total{what="quota"} 12')
    await server.resume()
    await expect.poll(() => made.connections.every((redis) => redis.status().connected), { timeout: 10_000 }).toBe(true)
    await made.advance(1_100)
    expect(await grants()).toBe(2)
    await made.close()
    await server.close()
  })

  it('name no account, and work in a Redis Cluster', async () => {
    const servers = await startRedisCluster()
    const made = await cluster(servers.url, rules)
    expect(await made.processes[0]!.take(account, 60)).toEqual({ status: 'taken' })
    expect(await made.processes[1]!.take(account, 60)).toMatchObject({ status: 'full' })
    await made.close()
    await servers.close()
    const server = await RedisServer.start()
    const alone = await cluster(`redis://${server.place}`, rules)
    await alone.processes[0]!.take(account, 60)
    const keys = await alone.connections[0]!.run({ name: 'keys', lua: "return redis.call('KEYS', '*')" }, [], [])
    expect(keys).toHaveLength(1)
    expect(JSON.stringify(keys)).not.toContain('a1a1')
    await alone.close()
    await server.close()
  })
})
