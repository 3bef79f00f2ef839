import { randomBytes } from 'node:crypto'
import { isEvegramError, sleep } from '@evegram/protocol'
import { silentLogger, systemClock } from '@evegram/platform'
import { connectRedis, type RedisConnection } from '@evegram/platform/redis'
import { RedisServer, serviceAddresses, startRedisCluster, TcpProxy } from '@evegram/platform/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { describePresence, type PresenceSubject } from '../../ports/presence.contract.js'
import type { PresenceEntry } from '../../ports/presence.js'
import { sampleAccount, sampleDevice } from '../../ports/sample-envelope.contract.js'
import { RedisPresence } from './index.js'

const clock = systemClock()
const TTL_MS = 5_000
/** Longest time to a failure: half a second for the answer, and room for a busy machine. The driver alone would take a second. */
const FAILURE_MS = 900
/** What is too slow is so every time; what a busy machine made late is not. */
const TIMED = { retry: 2 }

const connectTo = (url: string): Promise<RedisConnection> => connectRedis({ url, name: 'test', log: silentLogger, clock })
const freshPrefix = (): string => `test_${randomBytes(6).toString('hex')}`
const subjectOn = async (url: string): Promise<PresenceSubject> => {
  const redis = await connectTo(url)
  return { presence: new RedisPresence({ redis, prefix: freshPrefix() }), advance: (ms) => sleep(clock, ms), close: () => redis.close() }
}
const entry = (number: number, fields: Partial<PresenceEntry> = {}): PresenceEntry =>
  ({ account: sampleAccount(number), device: sampleDevice(number), incarnation: 3, connectionEpoch: 10, ...fields })

describePresence({ name: 'redis', setup: () => subjectOn(serviceAddresses('redis').join(',')) })

describe('in a Redis Cluster', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>
  beforeAll(async () => { cluster = await startRedisCluster() })
  afterAll(() => cluster.close())

  describePresence({ name: 'redis cluster', setup: () => subjectOn(cluster.url) })

  it('answers for accounts on every node at once', async () => {
    const subject = await subjectOn(cluster.url)
    const { presence } = subject
    const entries = Array.from({ length: 100 }, (_, index) => entry(index + 1))
    await Promise.all(entries.map((one) => presence.register(one, TTL_MS)))
    expect(await presence.lookup(entries.map(({ account }) => account))).toEqual(entries)
    expect(new Set(await presence.refresh(entries, TTL_MS))).toEqual(new Set(['found']))
    await subject.close()
  })
})

describe('RedisPresence', () => {
  const toClose: { close(): Promise<void> }[] = []
  const kept = <Part extends { close(): Promise<void> }>(part: Part): Part => {
    toClose.unshift(part)
    return part
  }
  afterEach(async () => {
    for (const part of toClose.splice(0)) await part.close()
  })
  const refusalMs = async (work: () => Promise<unknown>): Promise<number> => {
    const startMs = clock.monotonicMs()
    await expect(work()).rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'unavailable.presence')))
    return clock.monotonicMs() - startMs
  }

  it('tells numbers apart to the last one that JavaScript counts exactly', async () => {
    const { presence } = kept(await subjectOn(serviceAddresses('redis').join(',')))
    const highest = entry(1, { incarnation: Number.MAX_SAFE_INTEGER - 1, connectionEpoch: Number.MAX_SAFE_INTEGER })
    await presence.register(highest, TTL_MS)
    const older = { ...highest, connectionEpoch: highest.connectionEpoch - 1 }
    expect(await presence.register(older, TTL_MS)).toEqual({ status: 'refused', newer: highest })
    await presence.remove(older)
    await presence.remove({ ...highest, incarnation: highest.incarnation - 1 })
    expect(await presence.refresh([older, highest], TTL_MS)).toEqual(['absent', 'found'])
    expect(await presence.lookup([highest.account])).toEqual([highest])
  })

  it('has one winner when nodes register one device at the same time', async () => {
    const url = serviceAddresses('redis').join(',')
    const prefix = freshPrefix()
    const nodes = await Promise.all([1, 2, 3].map(async () => new RedisPresence({ redis: kept(await connectTo(url)), prefix })))
    for (let round = 1; round <= 20; round++) {
      const attempts = nodes.map((presence, index) => ({ presence, own: entry(round, { incarnation: index + 1, connectionEpoch: 10 + ((index + round) % 3) }) }))
      await Promise.all(attempts.map(({ presence, own }) => presence.register(own, TTL_MS)))
      const [standing, ...others] = await nodes[0]!.lookup([sampleAccount(round)])
      expect(others).toEqual([])
      expect(standing?.connectionEpoch).toBe(12)
    }
  })

  it('leaves nothing behind once the last entry of an account ran out', async () => {
    const redis = kept(await connectTo(serviceAddresses('redis').join(',')))
    const prefix = freshPrefix()
    const presence = new RedisPresence({ redis, prefix })
    const held = { name: 'count', lua: "return redis.call('HLEN', KEYS[1])" }
    const advance = (ms: number): Promise<void> => sleep(clock, ms)
    await presence.register(entry(1), 60)
    await presence.register(entry(1, { device: sampleDevice(2) }), 400)
    await advance(150)
    expect(await presence.lookup([sampleAccount(1)])).toEqual([entry(1, { device: sampleDevice(2) })])
    // A shorter life of a later entry never cuts the longer one of an earlier.
    await presence.register(entry(1, { device: sampleDevice(3) }), 20)
    expect(await redis.run(held, [`${prefix}:presence:{${sampleAccount(1)}}`], [])).toBe(2)
    await advance(100)
    expect(await presence.lookup([sampleAccount(1)])).toEqual([entry(1, { device: sampleDevice(2) })])
    await advance(300)
    expect(await redis.run(held, [`${prefix}:presence:{${sampleAccount(1)}}`], [])).toBe(0)
  })

  it('says quickly that Redis was killed, and that its entries are absent when it is back', TIMED, async () => {
    const server = kept(await RedisServer.start())
    const redis = kept(await connectTo(`redis://${server.place}`))
    const presence = new RedisPresence({ redis })
    const entries = Array.from({ length: 200 }, (_, index) => entry(index + 1))
    for (const one of entries) await presence.register(one, TTL_MS)
    const working = Promise.allSettled(entries.map((one) => presence.refresh([one], TTL_MS)))
    await server.kill()
    expect((await working).every((result) => result.status === 'fulfilled' || isEvegramError(result.reason, 'unavailable.presence'))).toBe(true)
    expect(await refusalMs(() => presence.lookup([sampleAccount(1)]))).toBeLessThan(FAILURE_MS)
    expect(await refusalMs(() => presence.lookup([]))).toBeLessThan(FAILURE_MS)
    expect(await refusalMs(() => presence.register(entry(1), TTL_MS))).toBeLessThan(FAILURE_MS)

    await server.resume()
    await vi.waitFor(() => presence.lookup([]), 10_000)
    expect(await presence.refresh(entries, TTL_MS)).toEqual(entries.map(() => 'absent'))
    expect(await presence.register(entry(1), TTL_MS)).toEqual({ status: 'registered' })
    expect(await presence.lookup([sampleAccount(1)])).toEqual([entry(1)])
  })

  it('says quickly that Redis stands still', TIMED, async () => {
    const proxy = kept(await TcpProxy.to(serviceAddresses('redis').join(',')))
    const presence = new RedisPresence({ redis: kept(await connectTo(`redis://${proxy.place}`)), prefix: freshPrefix() })
    await presence.register(entry(1), TTL_MS)
    proxy.freeze()
    const accounts = Array.from({ length: 64 }, (_, index) => sampleAccount(index))
    expect(await refusalMs(() => presence.lookup(accounts))).toBeLessThan(FAILURE_MS)
    proxy.heal()
    await vi.waitFor(async () => { expect(await presence.lookup([sampleAccount(1)])).toEqual([entry(1)]) }, 5_000)
  })
})
