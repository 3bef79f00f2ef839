import { ManualClock, systemClock } from '@evegram/platform'
import { startPushService, type TestPushService } from '@evegram/platform/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describePushSender } from '../../ports/push-sender.contract.js'
import type { PushCredential } from '../../ports/push-credentials.js'
import { parsePushService, type PushService } from './push-services.js'
import type { LookUpName } from './public-lookup.js'
import { WebPushSender } from './web-push-sender.js'

const serviceAt = (entry: string): PushService => {
  const service = parsePushService(entry)
  if (service === undefined) throw new Error(entry)
  return service
}
const credentialFor = async (origin: string): Promise<PushCredential> => ({ token: `token-for-${origin}`, key: 'the-key', expiresAtMs: Date.now() + 3_600_000 })
const clock = systemClock()

describePushSender({
  name: 'web push',
  setup: async () => {
    const service = await startPushService()
    const sender = new WebPushSender({ services: [serviceAt(service.origin)], credentials: { forOrigin: credentialFor }, clock, timeoutMs: 250 })
    return {
      sender, endpoint: (name) => `${service.origin}/${name}`, answer: (answer) => { service.answer = answer }, pushed: () => service.pushes.map(({ path }) => path.slice(1)),
      close: async () => {
        sender.close()
        await service.close()
      },
    }
  },
})

describe('WebPushSender', () => {
  let service: TestPushService
  beforeEach(async () => { service = await startPushService() })
  afterEach(() => service.close())

  it('sends an empty body, and headers that are the same for everybody', async () => {
    const sender = new WebPushSender({ services: [serviceAt(service.origin)], credentials: { forOrigin: credentialFor }, clock })
    await sender.send(`${service.origin}/one`)
    await sender.send(`${service.origin}/two`)
    sender.close()
    const [one, two] = service.pushes
    expect([one?.method, one?.body.length]).toEqual(['POST', 0])
    const { host, connection, ...said } = one?.headers ?? {}
    expect([host, connection]).toEqual([service.origin.slice('http://'.length), 'keep-alive'])
    expect(said).toEqual({ authorization: `vapid t=token-for-${service.origin}, k=the-key`, 'content-length': '0', ttl: '86400', urgency: 'normal', topic: 'wake' })
    expect(two?.headers).toEqual(one?.headers)
  })

  it('asks for a credential once for each push service, and again before it ends', async () => {
    const manual = new ManualClock()
    const asked: string[] = []
    const sender = new WebPushSender({
      services: [serviceAt(service.origin)], clock: manual,
      credentials: { forOrigin: async (origin) => { asked.push(origin); return { token: `t${String(asked.length)}`, key: 'k', expiresAtMs: manual.now() + 3_600_000 } } },
    })
    await sender.send(`${service.origin}/one`)
    await sender.send(`${service.origin}/two`)
    expect(asked).toEqual([service.origin])
    manual.advance(3_000_001)
    await sender.send(`${service.origin}/three`)
    sender.close()
    expect(service.pushes.map(({ headers }) => headers.authorization)).toEqual(['vapid t=t1, k=k', 'vapid t=t1, k=k', 'vapid t=t2, k=k'])
  })

  it('waits when there is no credential, and sends nothing', async () => {
    const sender = new WebPushSender({ services: [serviceAt(service.origin)], credentials: { forOrigin: () => Promise.reject(new Error('auth is away')) }, clock })
    expect(await sender.send(`${service.origin}/one`)).toEqual({ status: 'later' })
    sender.close()
    expect(service.pushes).toEqual([])
  })

  it('does not connect where a name of the list leads to this machine or a private network', async () => {
    const asked: string[] = []
    for (const address of ['127.0.0.1', '169.254.169.254', '::1']) {
      const lookUpName: LookUpName = (hostname, _options, callback) => {
        asked.push(hostname)
        callback(null, [{ address: '142.250.74.10', family: 4 }, { address, family: address.includes(':') ? 6 : 4 }])
      }
      const sender = new WebPushSender({ services: [serviceAt('push.example')], credentials: { forOrigin: credentialFor }, clock, lookUpName, timeoutMs: 500 })
      expect(await sender.send('https://push.example/one')).toEqual({ status: 'later' })
      sender.close()
    }
    expect(asked).toEqual(['push.example', 'push.example', 'push.example'])
  })
})
