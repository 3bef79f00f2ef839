import { randomBytes } from 'node:crypto'
import { isEvegramError, sleep } from '@evegram/protocol'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../clock.js'
import { silentLogger } from '../../log.js'
import { createMetrics } from '../../metrics.js'
import { systemRandom } from '../../random.js'
import { RedisServer, serviceAddresses, startRedisCluster, TcpProxy } from '../../testing/index.js'
import { createClient } from './client.js'
import { DriverConnection } from './connection.js'
import { connectRedis, parseRedisUrl, REDIS_COMMAND_MS, type RedisConnection, type RedisOptions, type RedisScript } from './index.js'
import { redisMetrics } from './metrics.js'

const clock = systemClock()
const connectTo = (url: string, options: Partial<RedisOptions> = {}): Promise<RedisConnection> =>
  connectRedis({ url, name: 'test', log: silentLogger, clock, ...options })
const away: unknown = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.store'))
/** Room for a busy machine; the driver's own bound comes later still. */
const BUSY_MS = 400
/** What is too slow is so every time; what a busy machine made late is not. */
const TIMED = { retry: 2 }
const freshKey = (): string => `test:${randomBytes(8).toString('hex')}`
/** A new text each time: the server cannot know it. */
const countScript = (): RedisScript => ({
  name: 'count', lua: `-- ${randomBytes(8).toString('hex')}\nreturn {redis.call('INCRBY', KEYS[1], ARGV[1]), redis.call('PEXPIRE', KEYS[1], 60000), ARGV[2]}`,
})
const serviceUrl = (): string => serviceAddresses('redis').join(',')
/** How long `work` takes to fail. */
const failureMs = async (work: () => Promise<unknown>): Promise<number> => {
  const startMs = clock.monotonicMs()
  await expect(work()).rejects.toThrow(away)
  return clock.monotonicMs() - startMs
}

describe('RedisConnection', () => {
  const toClose: { close(): Promise<void> }[] = []
  const kept = <Part extends { close(): Promise<void> }>(part: Part): Part => {
    toClose.unshift(part)
    return part
  }
  afterEach(async () => {
    for (const part of toClose.splice(0)) await part.close()
  })

  it('runs scripts that the server has not seen, and sets a key once', async () => {
    const redis = kept(await connectTo(serviceUrl()))
    const [script, key] = [countScript(), freshKey()]
    expect(await redis.run(script, [key], [2, 'x'])).toEqual([2, 1, 'x'])
    expect(await redis.run(script, [key], [3, 'y'])).toEqual([5, 1, 'y'])
    const once = freshKey()
    expect(await Promise.all([redis.setIfAbsent(once, '1', 60_000), redis.setIfAbsent(once, '2', 60_000)])).toEqual([true, false])
    const short = freshKey()
    expect(await redis.setIfAbsent(short, '1', 30)).toBe(true)
    await sleep(clock, 60)
    expect(await redis.setIfAbsent(short, '1', 30)).toBe(true)
  })

  it('fails at once while Redis is gone, keeps nothing for later, and comes back by itself to an empty server', TIMED, async () => {
    const server = kept(await RedisServer.start())
    const metrics = createMetrics()
    const redis = kept(await connectTo(`redis://${server.place}`, { metrics }))
    const script = countScript()
    await redis.run(script, ['n'], [1, ''])
    const during = Promise.allSettled(Array.from({ length: 500 }, () => redis.run(script, ['n'], [1, ''])))
    await server.kill()
    const results = await during
    await vi.waitFor(() => { expect(redis.status()).toEqual({ connected: false }) }, 20_000)
    expect(await failureMs(() => redis.run(script, ['n'], [1, '']))).toBeLessThan(100)
    expect(await failureMs(() => redis.ping())).toBeLessThan(100)
    expect(results.every((result) => result.status === 'fulfilled' || isEvegramError(result.reason, 'unavailable.store'))).toBe(true)

    await server.resume()
    await vi.waitFor(() => { expect(redis.status()).toEqual({ connected: true }) }, 10_000)
    expect(await redis.run(script, ['n'], [1, ''])).toEqual([1, 1, ''])
    const text = await metrics.text()
    expect(text).toContain('redis_reconnects_total 1')
    expect(text).toContain('redis_failures_total{command="ping"} 1')
  })

  it('fails within its bound when Redis stands still, however many calls wait, and gives the connection up', TIMED, async () => {
    const proxy = kept(await TcpProxy.to(serviceUrl()))
    const redis = kept(await connectTo(`redis://${proxy.place}`))
    await redis.ping()
    proxy.freeze()
    const first = failureMs(() => redis.ping())
    await sleep(clock, 250)
    // Calls of a later turn wait behind the first in the driver, and are late all the same.
    const second = failureMs(() => redis.ping())
    expect(await first).toBeLessThan(REDIS_COMMAND_MS + BUSY_MS)
    expect(await second).toBeLessThan(REDIS_COMMAND_MS + BUSY_MS)
    await vi.waitFor(() => { expect(redis.status()).toEqual({ connected: false }) }, 3_000)
    expect(await failureMs(() => redis.ping())).toBeLessThan(100)
    proxy.heal()
    await vi.waitFor(() => { expect(redis.status()).toEqual({ connected: true }) }, 10_000)
    await redis.ping()
  })

  it('waits for a server that comes later, and says in time that none came', async () => {
    const proxy = kept(await TcpProxy.to(serviceUrl()))
    proxy.refuse()
    await expect(connectTo(`redis://${proxy.place}`, { waitMs: 300 })).rejects.toThrow(away)
    const late = connectTo(`redis://${proxy.place}`, { waitMs: 10_000 })
    await sleep(clock, 300)
    proxy.heal()
    kept(await late)
  })

  it('logs in, and says at once when it may not', async () => {
    const server = kept(await RedisServer.start(['--requirepass', 'p@ss:/word']))
    kept(await connectTo(`redis://:${encodeURIComponent('p@ss:/word')}@${server.place}`))
    await expect(connectTo(`redis://:wrong@${server.place}`)).rejects.toThrow(/correct them in EVEGRAM_REDIS/)
    await expect(connectTo(`redis://${server.place}`)).rejects.toThrow(/correct them in EVEGRAM_REDIS/)
  })

  it('goes on where the driver gave up for good', async () => {
    const client = createClient(parseRedisUrl(serviceUrl()), 'test', systemRandom())
    const redis = kept(new DriverConnection({ client, clock, log: silentLogger, metrics: redisMetrics(createMetrics()) }))
    await vi.waitFor(() => redis.ping(), 20_000)
    client.disconnect()
    await vi.waitFor(() => { expect(redis.status()).toEqual({ connected: false }) }, 20_000)
    await vi.waitFor(() => redis.ping(), { timeout: 10_000, interval: 100 })
  })

  it('follows the sentinels to the replica that took over', TIMED, async () => {
    const master = kept(await RedisServer.start(['--repl-diskless-sync-delay', '0']))
    kept(await master.replica())
    const sentinel = kept(await RedisServer.sentinelOf(master))
    const redis = kept(await connectTo(`sentinel://${sentinel.place}/main`))
    const script = countScript()
    expect(await redis.run(script, ['n'], [1, ''])).toEqual([1, 1, ''])
    await master.kill()
    expect(await failureMs(() => redis.run(script, ['n'], [1, '']))).toBeLessThan(REDIS_COMMAND_MS + BUSY_MS)
    await vi.waitFor(async () => {
      const [count] = await redis.run(script, ['n'], [1, '']) as readonly number[]
      // At least what was written above: the replica had it, or an empty server answered.
      expect(count).toBeGreaterThan(0)
    }, { timeout: 20_000, interval: 200 })
  })

  it('finds the nodes of a cluster, and fails in time for the slots of a dead one only', TIMED, async () => {
    const cluster = kept(await startRedisCluster())
    const redis = kept(await connectTo(cluster.url))
    const script = countScript()
    const keys = Array.from({ length: 60 }, (_, index) => `{${String(index)}}`)
    const replies = await Promise.all(keys.map((key) => redis.run(script, [`${key}:n`], [1, key])))
    expect(replies).toEqual(keys.map((key) => [1, 1, key]))
    await cluster.servers[1]?.kill()
    const startMs = clock.monotonicMs()
    const results = await Promise.allSettled(keys.map((key) => redis.run(script, [`${key}:n`], [1, key])))
    expect(clock.monotonicMs() - startMs).toBeLessThan(REDIS_COMMAND_MS + BUSY_MS)
    expect(results.some((result) => result.status === 'rejected')).toBe(true)
    await cluster.servers[1]?.resume()
    await vi.waitFor(async () => {
      const again = await Promise.all(keys.map((key) => redis.run(script, [`${key}:n`], [1, key])))
      expect(again.length).toBe(keys.length)
    }, { timeout: 20_000, interval: 200 })
  })
})
