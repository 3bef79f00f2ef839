import { EvegramError, LIMITS } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestDevice, TestWallet, type TestMember } from '../testing/actors.js'
import { TestServer, type TestAnswer, type TestTokens } from '../testing/test-server.js'

const alice = new TestWallet('alice')
const phone = new TestDevice('phone')
const ENDPOINT = 'https://push.example/one'

let server: TestServer
let member: TestMember
let tokens: TestTokens
let asked: string[]
beforeEach(async () => {
  server = await TestServer.start()
  member = await server.signUp(alice, phone)
  tokens = await server.session(member)
  asked = []
  server.auth.bindPush({
    subscribe: async (account, device, endpoint) => {
      if (endpoint.includes('elsewhere')) throw new EvegramError('denied.push_service')
      asked.push(`${account} ${device} ${endpoint}`)
    },
    unsubscribe: async (device) => { asked.push(`${device} ends`) },
  })
})
afterEach(async () => { await server.close() })

const put = (body: unknown, more: object = {}): Promise<TestAnswer> => server.request('PUT', '/v1/push', { accessToken: tokens.accessToken, dpop: phone, body, ...more })

describe('/v1/push', () => {
  it('takes where the calling device is woken, and ends it', async () => {
    expect((await put({ endpoint: ENDPOINT })).status).toBe(200)
    expect((await server.request('DELETE', '/v1/push', { accessToken: tokens.accessToken, dpop: phone })).status).toBe(200)
    expect(asked).toEqual([`${member.account} ${phone.device} ${ENDPOINT}`, `${phone.device} ends`])
  })

  it('asks who calls: a token, and the key of its device', async () => {
    for (const method of ['PUT', 'DELETE'] as const) {
      const body = method === 'PUT' ? { body: { endpoint: ENDPOINT } } : {}
      expect((await server.request(method, '/v1/push', body)).code).toBe('auth.token_missing')
      expect((await server.request(method, '/v1/push', { accessToken: tokens.accessToken, ...body })).status).toBe(401)
      expect((await server.request(method, '/v1/push', { accessToken: tokens.accessToken, dpop: new TestDevice('laptop'), ...body })).status).toBe(401)
    }
    expect(asked).toEqual([])
  })

  it('takes one address and nothing beside it', async () => {
    for (const body of [{}, { endpoint: '' }, { endpoint: 7 }, { endpoint: 'x'.repeat(LIMITS.pushEndpointCharactersMax + 1) }, { endpoint: ENDPOINT, keys: { p256dh: 'x', auth: 'y' } }, { endpoint: ENDPOINT, account: 'a1'.repeat(16) }]) {
      expect((await put(body)).code, JSON.stringify(body).slice(0, 60)).toBe('invalid.request')
    }
    expect(asked).toEqual([])
  })

  it('says that it does not send to that push service', async () => {
    const refused = await put({ endpoint: 'https://elsewhere.example/' })
    expect([refused.status, refused.code]).toEqual([403, 'denied.push_service'])
  })

  it('is where discovery says so, with the key that browsers subscribe for', async () => {
    const { push } = server.auth.discovery({ serverId: 'a', ws: 'b', auth: 'c' })
    expect(push).toEqual({ key: (await server.auth.pushToken('https://push.example')).key })
    const before = push
    await server.restart()
    expect(server.auth.discovery({ serverId: 'a', ws: 'b', auth: 'c' }).push).toEqual(before)
  })
})
