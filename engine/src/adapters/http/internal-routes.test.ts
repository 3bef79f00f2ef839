import { createInternalHttp, ENGINE_INTERNAL_API, InternalClient, ServiceTokens, ServiceVerifier, silentLogger, systemClock, systemRandom, type HttpServer } from '@evegram/platform'
import { EvegramError, LIMITS } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineInternalRoutes } from './internal-routes.js'

const clock = systemClock()
const wally = new ServiceTokens({ name: 'wally', seed: new Uint8Array(32).fill(3), clock })
const auth = new ServiceTokens({ name: 'auth', seed: new Uint8Array(32).fill(2), clock })
const taken: Uint8Array[] = []
const pushed: string[] = []
let failure: EvegramError | undefined
let server: HttpServer
let client: InternalClient
let byAuth: InternalClient
let url: string

beforeAll(async () => {
  server = createInternalHttp({
    log: silentLogger, clock, random: systemRandom(), api: ENGINE_INTERNAL_API,
    verifier: new ServiceVerifier({ name: 'engine', keys: new Map([['wally', wally.publicKey], ['auth', auth.publicKey]]), clock }),
  })
  engineInternalRoutes(server, {
    contacts: { accepted: async () => true },
    pushes: { subscribeToPushes: async (account, device, endpoint) => { pushed.push(`${account} ${device} ${endpoint}`) }, unsubscribeFromPushes: async (device) => { pushed.push(device) } },
    appendNotice: async (notice) => {
      if (failure !== undefined) throw failure
      taken.push(notice)
    },
  })
  url = await server.listen({ host: '127.0.0.1', port: 0 })
  const clientOf = (tokens: ServiceTokens): InternalClient =>
    new InternalClient({ service: 'engine', urls: [url], tokens, clock, log: silentLogger, unavailable: 'unavailable.server', passes: (code) => !code.startsWith('unavailable.') })
  client = clientOf(wally)
  byAuth = clientOf(auth)
})
afterAll(async () => {
  client.close()
  byAuth.close()
  await server.close()
})

const tell = (notice: Uint8Array): Promise<unknown> =>
  client.ask({ method: 'POST', path: ENGINE_INTERNAL_API.notices.path, body: { notice: Buffer.from(notice).toString('base64url') }, answer: ENGINE_INTERNAL_API.notices.answer })

describe('the internal route of notices', () => {
  it('hands the bytes on and answers when they are stored', async () => {
    expect(await tell(Uint8Array.of(1, 255, 0))).toEqual({ stored: true })
    expect(taken).toEqual([Uint8Array.of(1, 255, 0)])
  })

  it('passes verdicts on, and says when the node is not well', async () => {
    for (const [thrown, told] of [['denied.notices', 'denied.notices'], ['order.ahead', 'order.ahead'], ['unavailable.envelope_log', 'unavailable.server']] as const) {
      failure = new EvegramError(thrown)
      await expect(tell(Uint8Array.of(1))).rejects.toMatchObject({ code: told })
    }
    failure = undefined
  })

  it('refuses what is larger than any notice, and who is no service', async () => {
    await expect(tell(new Uint8Array(LIMITS.noticeBytesMax + 3))).rejects.toMatchObject({ code: 'invalid.request' })
    const answer = await fetch(`${url}${ENGINE_INTERNAL_API.notices.path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ notice: 'AAAA' }) })
    expect([answer.status, taken.length]).toEqual([401, 1])
  })
})

describe('the internal routes of pushes', () => {
  it('hand on whose device is woken where, and that it is not any more', async () => {
    const { subscribe, unsubscribe } = ENGINE_INTERNAL_API
    const [account, device] = ['a1'.repeat(16), 'd1'.repeat(16)]
    const endpoint = 'https://push.example/one'
    await byAuth.ask({ method: 'POST', path: subscribe.path, body: { account, device, endpoint }, answer: subscribe.answer })
    await byAuth.ask({ method: 'POST', path: unsubscribe.path, body: { device }, answer: unsubscribe.answer })
    expect(pushed).toEqual([`${account} ${device} ${endpoint}`, device])
    await expect(byAuth.ask({ method: 'POST', path: subscribe.path, body: { account, device, endpoint: 'x'.repeat(LIMITS.pushEndpointCharactersMax + 1) }, answer: subscribe.answer })).rejects.toMatchObject({ code: 'invalid.request' })
  })

  it('are for auth alone, which has verified whose device it is', async () => {
    const { subscribe, unsubscribe, accepted, notices } = ENGINE_INTERNAL_API
    const [account, device] = ['a1'.repeat(16), 'd1'.repeat(16)]
    const before = pushed.length
    const refused: readonly (() => Promise<unknown>)[] = [
      () => client.ask({ method: 'POST', path: subscribe.path, body: { account, device, endpoint: 'https://push.example/elsewhere' }, answer: subscribe.answer }),
      () => client.ask({ method: 'POST', path: unsubscribe.path, body: { device }, answer: unsubscribe.answer }),
      () => client.ask({ method: 'GET', path: `${accepted.path}?owner=${account}&other=${account}`, answer: accepted.answer }),
      () => byAuth.ask({ method: 'POST', path: notices.path, body: { notice: 'AAAA' }, answer: notices.answer }),
    ]
    for (const ask of refused) await expect(ask()).rejects.toMatchObject({ code: 'auth.service' })
    expect(pushed).toHaveLength(before)
  })
})
