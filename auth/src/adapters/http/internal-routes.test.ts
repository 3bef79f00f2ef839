import {
  AUTH_INTERNAL_API, createInternalHttp, ENGINE_INTERNAL_API, InternalClient, ServiceTokens, ServiceVerifier, silentLogger, systemClock, systemRandom,
  type HttpServer,
} from '@evegram/platform'
import { parseAccountId, type ErrorCode } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDevice, TestWallet, type TestMember } from '../../testing/actors.js'
import { TestServer } from '../../testing/test-server.js'
import { httpContacts } from './contacts.js'
import { authInternalRoutes } from './internal-routes.js'

const clock = systemClock()
const engine = new ServiceTokens({ name: 'engine', seed: new Uint8Array(32).fill(1), clock })
const auth = new ServiceTokens({ name: 'auth', seed: new Uint8Array(32).fill(2), clock })
const wally = new ServiceTokens({ name: 'wally', seed: new Uint8Array(32).fill(3), clock })
const blobs = new ServiceTokens({ name: 'blobs', seed: new Uint8Array(32).fill(4), clock })
const alice = new TestWallet('alice')
const [phone, laptop] = [new TestDevice('phone'), new TestDevice('laptop')]
const stranger = parseAccountId('00'.repeat(16))

let server: TestServer
let member: TestMember
let internal: HttpServer
let client: InternalClient
let url: string

function clientOf(url: string, tokens: ServiceTokens, service: 'auth' | 'engine', passed: readonly ErrorCode[] = []): InternalClient {
  return new InternalClient({
    service, urls: [url], tokens, clock, log: silentLogger, unavailable: 'unavailable.auth', passes: (code: ErrorCode) => code.startsWith('auth.token_') || code.startsWith('auth.dpop') || passed.includes(code) || code === 'invalid.request',
  })
}

function listenerOf(name: 'auth' | 'engine', callers: Readonly<Record<string, ServiceTokens>>): HttpServer {
  const keys = new Map(Object.entries(callers).map(([caller, { publicKey }]) => [caller, publicKey] as const))
  return createInternalHttp({ log: silentLogger, clock, random: systemRandom(), api: name === 'auth' ? AUTH_INTERNAL_API : ENGINE_INTERNAL_API, verifier: new ServiceVerifier({ name, keys, clock }) })
}

beforeAll(async () => {
  server = await TestServer.start()
  member = await server.signUp(alice, phone)
  await server.signUp(alice, laptop)
  const state = await server.state(member.account)
  const revocation = await server.prove(alice, { purpose: 'revoke-device', device: laptop.device }, state)
  await server.expectOk(server.append(member.account, server.entry(state, 'device.revoke', { device: laptop.device }, [revocation])))
  internal = listenerOf('auth', { engine, wally, blobs })
  authInternalRoutes(internal, { auth: server.auth, log: silentLogger })
  url = await internal.listen({ host: '127.0.0.1', port: 0 })
  client = clientOf(url, engine, 'auth')
})
afterAll(async () => {
  client.close()
  await internal.close()
  await server.close()
})

const accounts = (asked: readonly string[]) =>
  client.ask({ method: 'POST', path: AUTH_INTERNAL_API.accounts.path, body: { accounts: asked }, answer: AUTH_INTERNAL_API.accounts.answer })
const verify = (token: string) =>
  client.ask({ method: 'POST', path: AUTH_INTERNAL_API.verifyToken.path, body: { token }, answer: AUTH_INTERNAL_API.verifyToken.answer })

describe('what auth answers to the engine', () => {
  it.each([['ahead', 30_000], ['behind', -120_000]])('is nothing to a node that signs by a wall clock that is %s, and all to one that signs by the agreed time', async (_, wrongByMs) => {
    const ask = async (now: () => number): Promise<unknown> => {
      const caller = clientOf(url, new ServiceTokens({ name: 'engine', seed: new Uint8Array(32).fill(1), clock: { now } }), 'auth')
      const answer = caller.ask({ method: 'POST', path: AUTH_INTERNAL_API.accounts.path, body: { accounts: [member.account] }, answer: AUTH_INTERNAL_API.accounts.answer })
      return answer.finally(() => { caller.close() })
    }
    await expect(ask(() => clock.now() + wrongByMs)).rejects.toMatchObject({ code: 'unavailable.auth' })
    expect(await ask(() => clock.now())).toMatchObject({ accounts: [{ status: 'known', account: member.account }] })
  })

  it('names version and active devices of accounts, in the order of the question', async () => {
    // The laptop was revoked: the engine never hears of it.
    expect((await accounts([stranger, member.account])).accounts).toEqual([
      { status: 'unknown' },
      { status: 'known', account: member.account, seq: 3, head: (await server.state(member.account)).head, closed: false, devices: [{ device: phone.device, signingKey: phone.signingKey }] },
    ])
  })

  it.each([['the wallet bridge', wally], ['the service of files', blobs]] as const)('says who made a request to %s, once, for its own method and path', async (_, tokens) => {
    const { accessToken } = await server.session(member)
    const origin = `${server.origin}/v1/wally/balances`
    const { path, answer } = AUTH_INTERNAL_API.verifyRequest
    const asking = clientOf(url, tokens, 'auth')
    const ask = (token: string, dpop: string, method = 'GET') => asking.ask({ method: 'POST', path, body: { token, dpop, method, url: origin }, answer })
    const proof = await server.dpop('GET', '/v1/wally/balances', phone, accessToken)
    expect(await ask(accessToken, proof)).toEqual({ account: member.account, device: phone.device })
    const refusals: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['auth.dpop_replayed', () => ask(accessToken, proof)],
      ['auth.dpop', async () => ask(accessToken, await server.dpop('GET', '/v1/wally/payouts', phone, accessToken))],
      ['auth.dpop', async () => ask(accessToken, await server.dpop('GET', '/v1/wally/balances', phone, accessToken), 'POST')],
      ['auth.dpop', async () => ask(accessToken, await server.dpop('GET', '/v1/wally/balances', laptop, accessToken))],
      ['auth.token_invalid', async () => ask(`${accessToken.slice(0, -4)}AAAA`, await server.dpop('GET', '/v1/wally/balances', phone, accessToken))],
    ]
    for (const [code, refusal] of refusals) await expect(refusal(), code).rejects.toMatchObject({ code })
    asking.close()
  })

  it('says each thing to those who need it: none asks for accounts, tokens or keys in the name of another', async () => {
    const tokens: Readonly<Record<string, ServiceTokens>> = { engine, wally, blobs }
    for (const { path, callers } of Object.values(AUTH_INTERNAL_API)) {
      const mayAsk: readonly string[] = callers
      for (const [name, by] of Object.entries(tokens)) {
        const answer = await fetch(`${url}${path}`, { method: 'POST', headers: { 'authorization': `Bearer ${await by.tokenFor('auth')}`, 'content-type': 'application/json' }, body: '{}' })
        // The body is no question: who may ask is told so.
        expect([path, name, answer.status]).toEqual([path, name, mayAsk.includes(name) ? 400 : 401])
      }
    }
    expect(AUTH_INTERNAL_API.pushToken.callers).toEqual(['engine'])
  })

  it('says it to nobody else, and to the service of files nothing else', async () => {
    const { accessToken } = await server.session(member)
    const { verifyRequest, owner, accounts: known } = AUTH_INTERNAL_API
    const body = { token: accessToken, dpop: await server.dpop('GET', '/v1/blobs', phone, accessToken), method: 'GET', url: `${server.origin}/v1/blobs` }
    const node = clientOf(url, engine, 'auth', ['auth.service'])
    await expect(node.ask({ method: 'POST', path: verifyRequest.path, body, answer: verifyRequest.answer })).rejects.toMatchObject({ code: 'auth.service' })
    node.close()
    const files = clientOf(url, blobs, 'auth', ['auth.service'])
    expect(await files.ask({ method: 'POST', path: verifyRequest.path, body, answer: verifyRequest.answer })).toMatchObject({ account: member.account })
    await expect(files.ask({ method: 'POST', path: owner.path, body: { account: member.account }, answer: owner.answer })).rejects.toMatchObject({ code: 'auth.service' })
    await expect(files.ask({ method: 'POST', path: known.path, body: { accounts: [member.account] }, answer: known.answer })).rejects.toMatchObject({ code: 'auth.service' })
    files.close()
  })

  it('tells the owner of an account', async () => {
    const { path, answer } = AUTH_INTERNAL_API.owner
    const bridge = clientOf(url, wally, 'auth')
    const ask = (account: string) => bridge.ask({ method: 'POST', path, body: { account }, answer })
    expect(await ask(stranger)).toEqual({ status: 'unknown' })
    // The laptop was added behind the phone.
    expect(await ask(member.account)).toEqual({ status: 'known', foundingWallet: alice.walletId, lastAddedMs: expect.any(Number) as number, closed: false })
    bridge.close()
  })

  it('reads tokens, and says what is wrong with one', async () => {
    const tokens = await server.session(member)
    expect(await verify(tokens.accessToken)).toEqual({ account: member.account, device: phone.device, expiresAtMs: tokens.accessTokenExpiresAtMs })
    await expect(verify(`${tokens.accessToken}x`)).rejects.toMatchObject({ code: 'auth.token_invalid' })
    await expect(verify('x'.repeat(5_000))).rejects.toMatchObject({ code: 'invalid.request' })
    await server.expectOk(server.request('POST', '/v1/auth/logout', { accessToken: tokens.accessToken, dpop: phone }))
    await expect(verify(tokens.accessToken)).rejects.toMatchObject({ code: 'auth.token_revoked' })
  })

  it('refuses what is no question: nobody, too many, what is no account', async () => {
    for (const asked of [[], Array.from({ length: 257 }, () => stranger), ['nonsense']]) await expect(accounts(asked)).rejects.toMatchObject({ code: 'invalid.request' })
  })
})

describe('who accepted whom', () => {
  it('is asked of the engine with both accounts, and is unknown when it does not answer', async () => {
    const http = listenerOf('engine', { auth })
    const asked: unknown[] = []
    http.get(ENGINE_INTERNAL_API.accepted.path, { schema: { querystring: ENGINE_INTERNAL_API.accepted.query } }, async ({ query }) => {
      asked.push(query)
      return { accepted: query.owner === member.account }
    })
    const contacts = httpContacts(clientOf(await http.listen({ host: '127.0.0.1', port: 0 }), auth, 'engine'))
    expect(await contacts.accepted(member.account, stranger)).toBe(true)
    expect(await contacts.accepted(stranger, member.account)).toBe(false)
    expect(asked).toEqual([{ owner: member.account, other: stranger }, { owner: stranger, other: member.account }])
    await http.close()
    await expect(contacts.accepted(member.account, stranger)).rejects.toMatchObject({ code: 'unavailable.auth' })
  })
})
