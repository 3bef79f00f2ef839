import { randomBytes } from 'node:crypto'
import { isEvegramError, sleep } from '@evegram/protocol'
import { silentLogger, systemClock } from '@evegram/platform'
import { connectRedis, type RedisConnection } from '@evegram/platform/redis'
import { RedisServer, serviceAddresses, startRedisCluster } from '@evegram/platform/testing'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { describeInterest, type InterestSubject } from '../../ports/interest.contract.js'
import type { InterestEntry } from '../../ports/interest.js'
import { sampleConversation } from '../../ports/sample-envelope.contract.js'
import { RedisInterest } from './index.js'

const clock = systemClock()
const connectTo = (url: string): Promise<RedisConnection> => connectRedis({ url, name: 'test', log: silentLogger, clock })
const freshPrefix = (): string => `test_${randomBytes(6).toString('hex')}`
const subjectOn = async (url: string): Promise<InterestSubject> => {
  const redis = await connectTo(url)
  return { interest: new RedisInterest({ redis, prefix: freshPrefix() }), advance: (ms) => sleep(clock, ms), close: () => redis.close() }
}
const entry = (number: number, fields: Partial<InterestEntry> = {}): InterestEntry =>
  ({ conversation: sampleConversation(number), incarnation: 3, registration: 10, ...fields })

describeInterest({ name: 'redis', setup: () => subjectOn(serviceAddresses('redis').join(',')) })

describe('in a Redis Cluster', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>
  beforeAll(async () => { cluster = await startRedisCluster() })
  afterAll(() => cluster.close())

  describeInterest({ name: 'redis cluster', setup: () => subjectOn(cluster.url) })
})

describe('RedisInterest', () => {
  it('leaves nothing behind once the last entry of a conversation ran out, and cuts none short', async () => {
    const redis = await connectTo(serviceAddresses('redis').join(','))
    const prefix = freshPrefix()
    const interest = new RedisInterest({ redis, prefix })
    const held = (): Promise<unknown> => redis.run({ name: 'count', lua: "return redis.call('HLEN', KEYS[1])" }, [`${prefix}:interest:{${sampleConversation(1)}}`], [])
    await interest.register([entry(1)], 400)
    await interest.register([entry(1, { incarnation: 4 })], 60)
    await sleep(clock, 150)
    expect(await interest.lookup([sampleConversation(1)])).toEqual([[3]])
    await interest.register([entry(1, { incarnation: 5 })], 20)
    expect(await held()).toBe(2)
    await sleep(clock, 400)
    expect(await held()).toBe(0)
    await redis.close()
  })

  it('says that Redis was killed, and that its entries are absent when it is back', async () => {
    const server = await RedisServer.start()
    const redis = await connectTo(`redis://${server.place}`)
    const interest = new RedisInterest({ redis })
    const entries = [entry(1), entry(2)]
    const refused = async (work: () => Promise<unknown>): Promise<void> => {
      await expect(work()).rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'unavailable.presence')))
    }
    await interest.register(entries, 60_000)
    await server.kill()
    await refused(() => interest.lookup([sampleConversation(1)]))
    await refused(() => interest.refresh(entries, 60_000))
    await refused(() => interest.register(entries, 60_000))
    await server.resume()
    await vi.waitFor(() => redis.ping(), 10_000)
    expect(await interest.refresh(entries, 60_000)).toEqual(['absent', 'absent'])
    expect(await interest.lookup([sampleConversation(1)])).toEqual([[]])
    await redis.close()
    await server.close()
  })
})
