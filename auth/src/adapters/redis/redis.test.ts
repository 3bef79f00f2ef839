import { randomBytes } from 'node:crypto'
import { isEvegramError, sleep } from '@evegram/protocol'
import { createMetrics, silentLogger, systemClock, type Metrics } from '@evegram/platform'
import { connectRedis, type RedisConnection } from '@evegram/platform/redis'
import { RedisServer, serviceAddresses, startRedisCluster, TcpProxy } from '@evegram/platform/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { describeRateBuckets } from '../../ports/rate-buckets.contract.js'
import type { RateRule } from '../../ports/rate-buckets.js'
import { describeUsedProofs, KEEP_MS } from '../../ports/used-proofs.contract.js'
import { PREKEY_RULES } from '../../prekeys.js'
import { DEVICE_RATE } from '../../rate-limits.js'
import { TestDevice, TestWallet } from '../../testing/actors.js'
import { TestServer } from '../../testing/test-server.js'
import { RedisRateBuckets, RedisUsedProofs, type SharedOptions } from './index.js'

const clock = systemClock()
const PROCESSES = 3
const RULE: RateRule = { name: 'test', capacity: 4, refillMs: 600_000, keysMax: 100 }

const serviceUrl = (): string => serviceAddresses('redis').join(',')
const connectTo = (url: string): Promise<RedisConnection> => connectRedis({ url, name: 'test', log: silentLogger, clock })
const advance = (ms: number): Promise<void> => sleep(clock, ms)

/** What several processes of one cluster are made with. */
async function cluster(url: string, metrics: Metrics = createMetrics()): Promise<{ readonly options: readonly SharedOptions[]; close(): Promise<void> }> {
  const [prefix, secret] = [`test_${randomBytes(6).toString('hex')}`, randomBytes(32)]
  const connections = await Promise.all(Array.from({ length: PROCESSES }, () => connectTo(url)))
  return {
    options: connections.map((redis) => ({ redis, clock, log: silentLogger, metrics, secret, prefix })),
    close: async () => { for (const redis of connections) await redis.close() },
  }
}

function contracts(name: string, url: () => string): void {
  describeRateBuckets({
    name,
    setup: async () => {
      const made = await cluster(url())
      return { processes: made.options.map((one) => new RedisRateBuckets(one)), advance, close: () => made.close() }
    },
  })
  describeUsedProofs({
    name,
    setup: async () => {
      const made = await cluster(url())
      return { processes: made.options.map((one) => new RedisUsedProofs({ ...one, keepMs: KEEP_MS })), advance, close: () => made.close() }
    },
  })
}

contracts('redis', serviceUrl)

describe('in a Redis Cluster', () => {
  let servers: Awaited<ReturnType<typeof startRedisCluster>>
  beforeAll(async () => { servers = await startRedisCluster() })
  afterAll(() => servers.close())
  contracts('redis cluster', () => servers.url)
})

describe('with and without Redis', () => {
  const toClose: { close(): Promise<void> }[] = []
  const kept = <Part extends { close(): Promise<void> }>(part: Part): Part => {
    toClose.unshift(part)
    return part
  }
  afterEach(async () => {
    for (const part of toClose.splice(0)) await part.close()
  })
  const grants = async (buckets: RedisRateBuckets, times: number): Promise<number> => {
    let granted = 0
    for (let count = 0; count < times; count++) if ((await buckets.take(RULE, 'a')).status === 'taken') granted++
    return granted
  }

  it('keeps the limits in each process, opens no door and closes none, and shares them again when Redis is back', async () => {
    const server = kept(await RedisServer.start())
    const metrics = createMetrics()
    const { options } = kept(await cluster(`redis://${server.place}`, metrics))
    const [one, other] = options.map((each) => new RedisRateBuckets(each))
    expect(await grants(one!, 3)).toBe(3)
    expect(await grants(other!, 3)).toBe(1)

    await server.kill()
    expect(await grants(one!, 20)).toBe(RULE.capacity)
    expect(await grants(other!, 20)).toBe(RULE.capacity)
    expect(await metrics.text()).toContain('auth_decided_alone_total{what="rates"} 40')

    await server.resume()
    await vi.waitFor(async () => {
      const shared = await Promise.all([one!, other!].map((buckets) => buckets.take({ ...RULE, name: 'back', capacity: 1 }, randomBytes(4).toString('hex'))))
      expect(shared.every(({ status }) => status === 'taken')).toBe(true)
      expect(options.every(({ redis }) => redis.status().connected)).toBe(true)
    }, 10_000)
    await advance(1_100)
    // The memory of Redis is empty: full buckets, which are one for all.
    const granted = await grants(one!, 10) + await grants(other!, 10)
    expect(granted).toBe(RULE.capacity)
  })

  // What is too slow is so every time; what a busy machine made late is not.
  it('waits for a Redis that stands still once, not for every request', { retry: 2 }, async () => {
    const proxy = kept(await TcpProxy.to(serviceUrl()))
    const { options } = kept(await cluster(`redis://${proxy.place}`))
    const buckets = new RedisRateBuckets(options[0]!)
    proxy.freeze()
    const startMs = clock.monotonicMs()
    expect(await grants(buckets, 50)).toBe(RULE.capacity)
    expect(clock.monotonicMs() - startMs).toBeLessThan(900)
  })

  it('lets no proof through twice in one process, whatever Redis forgot', async () => {
    const server = kept(await RedisServer.start())
    const { options } = kept(await cluster(`redis://${server.place}`))
    const [one, other] = options.map((each) => new RedisUsedProofs(each))
    expect([await one!.use('a'), await other!.use('a')]).toEqual([true, false])
    await server.kill()
    expect([await one!.use('a'), await one!.use('b'), await one!.use('b')]).toEqual([false, true, false])
    await server.resume()
    await vi.waitFor(() => options[0]!.redis.ping(), 10_000)
    expect([await one!.use('a'), await one!.use('b')]).toEqual([false, false])
  })

  it('refuses proofs when its own memory is full', async () => {
    const { options } = kept(await cluster(serviceUrl()))
    const proofs = new RedisUsedProofs({ ...options[0]!, namesMax: 1 })
    expect(await proofs.use('a')).toBe(true)
    await expect(proofs.use('b')).rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'limited.queue')))
  })

  it('leaves neither addresses nor ids in the names of its keys', async () => {
    const server = kept(await RedisServer.start())
    const { options } = kept(await cluster(`redis://${server.place}`))
    await new RedisRateBuckets(options[0]!).take(RULE, '203.0.113.77')
    await new RedisUsedProofs(options[0]!).use('thumbprint.jti')
    const keys = await options[0]!.redis.run({ name: 'keys', lua: "return redis.call('KEYS', '*')" }, [], [])
    expect(keys).toHaveLength(2)
    expect(JSON.stringify(keys)).not.toMatch(/203|thumbprint|jti/)
  })
})

describe('auth on shared buckets and proofs', () => {
  it('remembers proofs and limits beyond the life of a process', async () => {
    const made = await cluster(serviceUrl())
    const [options] = made.options
    const server = await TestServer.start(1, {
      // As after a restart, no use finds a memory but the shared one.
      rateBuckets: { take: (rule, key) => new RedisRateBuckets(options!).take(rule, key) },
      usedProofs: { use: (name) => new RedisUsedProofs(options!).use(name) },
    })
    const member = await server.signUp(new TestWallet('alice'), new TestDevice('phone'))
    const { accessToken } = await server.session(member)
    const proof = await server.dpop('GET', '/v1/prekeys', member.device, accessToken)
    const ask = (): Promise<{ readonly status: number; readonly code: string | undefined }> =>
      server.request('GET', '/v1/prekeys', { dpop: member.device, accessToken, forge: { proof } })
    expect((await ask()).status).toBe(200)
    await server.restart()
    expect((await ask()).code).toBe('auth.dpop_replayed')

    // Another process has used up what the device had.
    const { device } = member.device
    const drain = async (rule: RateRule): Promise<void> => {
      const other = new RedisRateBuckets(options!)
      while ((await other.take(rule, device)).status === 'taken');
    }
    await drain({ name: 'prekeys.uploads', capacity: PREKEY_RULES.uploadBurst, refillMs: PREKEY_RULES.uploadRefillMs, keysMax: 10 })
    expect((await server.request('PUT', '/v1/prekeys', { dpop: member.device, accessToken, body: server.prekeys(member.device, 1, 2) })).code).toBe('limited.rate')
    await vi.waitFor(async () => {
      await drain({ name: 'device', capacity: DEVICE_RATE.burst, refillMs: DEVICE_RATE.refillMs, keysMax: 10 })
      expect((await server.request('GET', '/v1/prekeys', { dpop: member.device, accessToken })).code).toBe('limited.rate')
    }, 10_000)
    await server.close()
    await made.close()
  })
})
