import { randomBytes } from 'node:crypto'
import { silentLogger, systemClock } from '@evegram/platform'
import { connectRedis } from '@evegram/platform/redis'
import { RedisServer, serviceAddresses } from '@evegram/platform/testing'
import { sleep } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { describePushClaims, type PushClaimsSubject } from '../../ports/push-claims.contract.js'
import { sampleDevice } from '../../ports/sample-envelope.contract.js'
import { RedisPushClaims } from './index.js'

const clock = systemClock()
const subjectOn = async (url: string): Promise<PushClaimsSubject> => {
  const redis = await connectRedis({ url, name: 'test', log: silentLogger, clock })
  return { claims: new RedisPushClaims({ redis, prefix: `test_${randomBytes(6).toString('hex')}` }), advance: (ms) => sleep(clock, ms), close: () => redis.close() }
}

describePushClaims({ name: 'redis', setup: () => subjectOn(serviceAddresses('redis').join(',')) })

describe('RedisPushClaims', () => {
  it('says that Redis was killed', async () => {
    const server = await RedisServer.start()
    const subject = await subjectOn(`redis://${server.place}`)
    const { claims } = subject
    expect(await claims.claim(sampleDevice(1), 60_000)).toEqual({ status: 'claimed' })
    await server.kill()
    for (const work of [() => claims.claim(sampleDevice(1), 1), () => claims.woken(sampleDevice(1), 1), () => claims.rest(sampleDevice(1), 1)]) await expect(work()).rejects.toMatchObject({ code: 'unavailable.presence' })
    await subject.close()
    await server.close()
  })
})
