import { parseAccountId, type AccountId } from '@evegram/protocol'
import type { TestMember, TestWallet } from '@evegram/auth/testing'
import type { HttpServer } from '@evegram/platform'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { somebody } from '../chain/simulated/simulated-world.contract.js'
import { payoutIdOf, type PayoutId } from '../flows/payout/payout.js'
import { moved } from '../flows/payout/payout-flow.js'
import { OPERATORS, WallyWorld } from '../wally-world.contract.js'
import type { Wally } from '../wally-parts.js'

type Member = TestMember & { readonly wallet: TestWallet }

let world: WallyWorld
let wally: Wally
let server: HttpServer
let base: string
let alice: Member
let bob: Member
/** Paid in the beginning: enough for everything below. */
const FUNDS = 40_000_000n
const to = somebody('the exchange')

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly reason: unknown
  readonly body: Readonly<Record<string, unknown>>
  readonly text: string
}

interface Asked {
  readonly body?: unknown
  /** A signed-in person. */
  readonly as?: TestMember | undefined
  /** An operator. */
  readonly operator?: string | undefined
  /** Headers instead of those that belong to the asker. */
  readonly headers?: Readonly<Record<string, string>>
}

const tokens = new Map<AccountId, string>()

async function headersOf(method: string, path: string, { as, operator, headers }: Asked): Promise<Record<string, string>> {
  if (headers !== undefined) return { ...headers }
  if (operator !== undefined) return { authorization: `Bearer ${operator}` }
  if (as === undefined) return {}
  const token = tokens.get(as.account) ?? (await world.auth.session(as)).accessToken
  tokens.set(as.account, token)
  return { authorization: `DPoP ${token}`, dpop: await world.auth.dpop(method, path, as.device, token) }
}

async function ask(method: 'GET' | 'POST', path: string, asked: Asked = {}): Promise<Answer> {
  const headers = await headersOf(method, path, asked)
  const { body: sent } = asked
  const response = await fetch(`${base}${path}`, {
    method, headers: sent === undefined ? headers : { ...headers, 'content-type': 'application/json' },
    ...(sent === undefined ? {} : { body: typeof sent === 'string' ? sent : JSON.stringify(sent) }),
  })
  const text = await response.text()
  const body = response.headers.get('content-type')?.includes('json') === true ? z.record(z.string(), z.unknown()).parse(JSON.parse(text)) : {}
  const error = z.object({ error: z.object({ code: z.string(), details: z.record(z.string(), z.unknown()).optional() }) }).safeParse(body)
  return { status: response.status, code: error.data?.error.code, reason: error.data?.error.details?.['reason'], body, text }
}

beforeAll(async () => {
  world = await WallyWorld.open()
  alice = await world.member('alice')
  bob = await world.member('bob')
  wally = world.wally()
  server = await world.http(wally)
  base = await server.listen({ port: 0, host: '127.0.0.1' })
  await wally.start()
  await world.deposit(wally, alice.account, FUNDS)
})
afterAll(async () => {
  await server.close()
  await world.close()
})

/** A withdrawal with the proof of a wallet. */
async function withdrawal(id: string, change: Readonly<Record<string, unknown>> = {}, member = alice): Promise<Record<string, unknown>> {
  const terms = { id, asset: world.native, amount: '1000', to }
  const proof = await world.proof(member, { ...terms, chain: 'simulated' })
  return { ...terms, proof: Buffer.from(proof).toString('base64url'), ...change }
}

let made = 0
/** A payout that was asked for by somebody who never asked for one before: bounds of an account stand in the way of nothing here. */
async function askedByAnother(amount: bigint): Promise<PayoutId> {
  const asker = await world.member(`asker ${String(++made)}`)
  await ask('POST', '/v1/wally/transfers', { as: alice, body: { id: `for-${String(made)}`, to: asker.account, asset: world.native, amount: String(amount + 50_000n) } })
  const terms = { id: 'one', asset: world.native, amount: String(amount), to }
  const proof = Buffer.from(await world.proof(asker, { ...terms, chain: 'simulated' })).toString('base64url')
  const asked = await ask('POST', '/v1/wally/payouts', { as: asker, body: { ...terms, proof } })
  if (asked.status !== 201) throw new Error(asked.text)
  return payoutIdOf(asker.account, 'one')
}

/** A payout in the state `awaiting_approval`. */
async function awaiting(): Promise<PayoutId> {
  const id = await askedByAnother(600_000n)
  await world.pass(3)
  return id
}

/** A payout that needs a person. */
async function puzzling(): Promise<PayoutId> {
  const id = await askedByAnother(1_000n)
  for (let step = 0; step < 20; step++) {
    const payout = await world.payouts.get(id)
    const next = payout === undefined ? undefined : moved(payout, 'puzzle', { reason: 'received_differs' })
    if (next !== undefined && payout?.payment !== undefined && await world.payouts.replace(next)) return id
    await world.pass(1)
  }
  throw new Error('no puzzle')
}

/** What each route must refuse. A route that is not here fails the first test. */
interface Refusals {
  /** A request that is well formed, made anew each time. */
  readonly request: () => Promise<{ readonly path: string; readonly body?: unknown }>
  /** Who may make it: any signed-in person, or operators with a scope. */
  readonly by: 'person' | 'read' | 'approve' | 'manage'
  /** Queries and bodies that do not fit. */
  readonly malformed?: readonly { readonly path?: string; readonly body?: unknown }[]
  /** Something of somebody else, asked for by who must not see it: what is answered. */
  readonly ofAnother?: { readonly path: () => Promise<string>; readonly code: string }
  /** Where the body has an id that the client chooses: other bodies under the same id. */
  readonly underSameId?: readonly Readonly<Record<string, unknown>>[]
}

const asset = (): string => encodeURIComponent(world.native)
const ROUTES: Readonly<Record<string, Refusals>> = {
  'GET /v1/wally/assets': { by: 'person', request: async () => ({ path: '/v1/wally/assets' }) },
  'GET /v1/wally/balances': { by: 'person', request: async () => ({ path: '/v1/wally/balances' }) },
  'GET /v1/wally/statement': {
    by: 'person', request: async () => ({ path: `/v1/wally/statement?asset=${asset()}` }),
    malformed: [{ path: '/v1/wally/statement' }, { path: '/v1/wally/statement?asset=none' }, { path: '/v1/wally/statement?asset=a/b&limit=0' }, { path: '/v1/wally/statement?asset=a/b&limit=101' }, { path: '/v1/wally/statement?asset=a/b&before=-1' }],
  },
  'POST /v1/wally/deposit-address': {
    by: 'person', request: async () => ({ path: '/v1/wally/deposit-address', body: { chain: 'simulated' } }),
    malformed: [{ body: {} }, { body: { chain: 'Simulated!' } }, { body: { chain: 'simulated', account: 'x' } }],
  },
  'POST /v1/wally/transfers': {
    underSameId: [{ amount: '6' }, { to: '0'.repeat(32) }],
    by: 'person', request: async () => ({ path: '/v1/wally/transfers', body: { id: `t-${String(++made)}`, to: bob.account, asset: world.native, amount: '5' } }),
    malformed: [
      { body: { id: 'a:b', to: 'x', asset: 'a/b', amount: '5' } }, { body: { id: 'a', to: '0'.repeat(32), asset: 'a/b', amount: 5 } }, { body: { id: 'a', to: '0'.repeat(32), asset: 'a/b', amount: '-5' } },
      { body: { id: 'a', to: '0'.repeat(32), asset: 'a/b', amount: '0' } }, { body: { id: 'a', to: '0'.repeat(32), asset: 'a/b', amount: '1e3' } }, { body: { id: 'a', to: '0'.repeat(32), asset: 'a/b', amount: '9'.repeat(39) } },
      { body: { id: 'a', to: '0'.repeat(32), asset: 'a/b', amount: '5', from: 'somebody else' } },
    ],
  },
  'GET /v1/wally/transfers/:id': {
    by: 'person', malformed: [{ path: `/v1/wally/transfers/${'a'.repeat(65)}` }],
    request: async () => {
      const id = `t-${String(++made)}`
      await ask('POST', '/v1/wally/transfers', { as: alice, body: { id, to: bob.account, asset: world.native, amount: '5' } })
      return { path: `/v1/wally/transfers/${id}` }
    },
    ofAnother: { path: async () => (await ROUTES['GET /v1/wally/transfers/:id']!.request()).path, code: 'not_found.resource' },
  },
  'POST /v1/wally/payouts/quote': {
    by: 'person', request: async () => ({ path: '/v1/wally/payouts/quote', body: { asset: world.native, amount: '1000', to } }),
    malformed: [{ body: { asset: 'a/b', amount: '1000', to: '' } }, { body: { asset: 'a/b', amount: '1000', to: 'x'.repeat(129) } }, { body: { asset: 'a/b', amount: '1000', to: 'x', memo: '\ud800' } }],
  },
  'POST /v1/wally/payouts': {
    underSameId: [{ amount: '1001' }, { to: somebody('another') }, { memo: 'x' }],
    by: 'person', request: async () => ({ path: '/v1/wally/payouts', body: await withdrawal(`w-${String(++made)}`) }),
    malformed: [
      { body: { id: 'w', asset: 'a/b', amount: '1', to: 'x', proof: '***' } }, { body: { id: 'w', asset: 'a/b', amount: '1', to: 'x', proof: '' } }, { body: { id: 'w', asset: 'a/b', amount: '1' } },
      { body: { id: 'w', asset: 'a/b', amount: '1', to: 'x', account: '0'.repeat(32) } }, { body: { id: 'w', asset: 'a/b', amount: '1', to: 'x', requestedBy: 'olga' } },
    ],
  },
  'GET /v1/wally/payouts': {
    by: 'person', request: async () => ({ path: '/v1/wally/payouts' }), malformed: [{ path: '/v1/wally/payouts?limit=1000' }, { path: '/v1/wally/payouts?before=x' }],
  },
  'GET /v1/wally/payouts/:id': {
    by: 'person',
    request: async () => {
      const body = await withdrawal(`w-${String(++made)}`)
      await ask('POST', '/v1/wally/payouts', { as: alice, body })
      return { path: `/v1/wally/payouts/${String(body['id'])}` }
    },
    malformed: [{ path: '/v1/wally/payouts/a:b' }],
    ofAnother: { path: async () => (await ROUTES['GET /v1/wally/payouts/:id']!.request()).path, code: 'not_found.resource' },
  },
  'GET /v1/wally/operator/status': { by: 'read', request: async () => ({ path: '/v1/wally/operator/status' }) },
  'GET /v1/wally/operator/alarms': { by: 'read', request: async () => ({ path: '/v1/wally/operator/alarms' }) },
  'GET /v1/wally/operator/accounts': {
    by: 'read', request: async () => ({ path: '/v1/wally/operator/accounts' }), malformed: [{ path: '/v1/wally/operator/accounts?after=nothing' }, { path: '/v1/wally/operator/accounts?limit=0' }],
  },
  'GET /v1/wally/operator/suspense': { by: 'read', request: async () => ({ path: '/v1/wally/operator/suspense' }) },
  'GET /v1/wally/operator/transfers': {
    by: 'read', request: async () => ({ path: '/v1/wally/operator/transfers?after=1' }), malformed: [{ path: '/v1/wally/operator/transfers?id=z' }, { path: '/v1/wally/operator/transfers?after=-1' }],
  },
  'GET /v1/wally/operator/payouts': {
    by: 'read', request: async () => ({ path: '/v1/wally/operator/payouts?chain=simulated' }), malformed: [{ path: '/v1/wally/operator/payouts' }, { path: '/v1/wally/operator/payouts?chain=simulated&state=lost' }],
  },
  'GET /v1/wally/operator/proposals': { by: 'read', request: async () => ({ path: '/v1/wally/operator/proposals' }) },
  'GET /v1/wally/operator/payouts/:id': { by: 'read', request: async () => ({ path: `/v1/wally/operator/payouts/${await awaiting()}` }), malformed: [{ path: '/v1/wally/operator/payouts/none' }] },
  'POST /v1/wally/operator/payouts/:id/approve': {
    by: 'approve', request: async () => ({ path: `/v1/wally/operator/payouts/${await awaiting()}/approve`, body: {} }), malformed: [{ body: { person: 'olga' } }],
  },
  'POST /v1/wally/operator/payouts/:id/refuse': {
    by: 'approve', request: async () => ({ path: `/v1/wally/operator/payouts/${await awaiting()}/refuse`, body: {} }), malformed: [{ body: { reason: 'none' } }],
  },
  'POST /v1/wally/operator/payouts/:id/decide': {
    by: 'approve', request: async () => ({ path: `/v1/wally/operator/payouts/${await puzzling()}/decide`, body: { status: 'paid', fee: '0' } }),
    malformed: [{ body: {} }, { body: { status: 'paid', fee: '-1' } }, { body: { status: 'failed', fee: '1' } }, { body: { status: 'failed', fee: '1', reason: 'mood' } }, { body: { status: 'paid', fee: '1', person: 'oleg' } }],
  },
  'POST /v1/wally/operator/chains/:chain/pause': { by: 'manage', request: async () => ({ path: '/v1/wally/operator/chains/simulated/pause', body: {} }), malformed: [{ body: { until: 1 } }] },
  'POST /v1/wally/operator/chains/:chain/resume': { by: 'manage', request: async () => ({ path: '/v1/wally/operator/chains/simulated/resume', body: {} }), malformed: [{ body: { until: 1 } }] },
  'POST /v1/wally/operator/chains/:chain/reconcile': {
    by: 'manage', request: async () => ({ path: '/v1/wally/operator/chains/simulated/reconcile', body: {} }), malformed: [{ body: { at: -1 } }, { body: { at: null } }, { body: { at: '1' } }, { body: { at: 1, repair: true } }],
  },
  'POST /v1/wally/operator/verify': { by: 'manage', request: async () => ({ path: '/v1/wally/operator/verify', body: {} }), malformed: [{ body: { repair: true } }] },
}
const names = Object.keys(ROUTES)
const methodOf = (name: string): 'GET' | 'POST' => (name.startsWith('GET') ? 'GET' : 'POST')
const isOperator = (name: string): boolean => ROUTES[name]!.by !== 'person'
const allowed = (name: string): Pick<Asked, 'as' | 'operator'> => (isOperator(name) ? { operator: OPERATORS.olga } : { as: alice })

describe('the routes', () => {
  it('are all in the table of this test, and in the API description', () => {
    const { paths } = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) }).parse(server.swagger())
    const described = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`))
    expect(described.sort()).toEqual([...names].sort())
  })

  it('are each tried with everything that they can refuse', () => {
    const operation = z.object({ parameters: z.array(z.unknown()).default([]), requestBody: z.object({ content: z.record(z.string(), z.object({ schema: z.object({ properties: z.record(z.string(), z.unknown()).default({}) }) })) }).optional() })
    const { paths } = z.object({ paths: z.record(z.string(), z.record(z.string(), operation)) }).parse(server.swagger())
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { parameters, requestBody }] of Object.entries(methods)) {
        const name = `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`
        const { by, malformed = [], ofAnother, underSameId = [] } = ROUTES[name]!
        if (parameters.length > 0 || requestBody !== undefined) expect(malformed, `malformed requests of ${name}`).not.toEqual([])
        if (by === 'person' && name.includes(':')) expect(ofAnother, `what belongs to somebody else at ${name}`).toBeDefined()
        if (requestBody?.content['application/json']?.schema.properties['id'] !== undefined) expect(underSameId, `other bodies under the same id at ${name}`).not.toEqual([])
      }
    }
  })
})

describe.each(names)('%s', (name) => {
  const { request, malformed = [], ofAnother, underSameId = [], by } = ROUTES[name]!
  const method = methodOf(name)

  it('answers who may ask', async () => {
    const { path, body } = await request()
    const answer = await ask(method, path, { ...allowed(name), body })
    expect([answer.status, answer.text]).toEqual([expect.toSatisfy((status: number) => status >= 200 && status < 300), expect.any(String)])
  })

  it('refuses without a token, and with one that is none, of the wrong kind, or used before', async () => {
    const { path, body } = await request()
    const missing = isOperator(name) ? 'auth.operator' : 'auth.token_missing'
    expect((await ask(method, path, { body })).code).toBe(missing)
    expect((await ask(method, path, { body, headers: { authorization: 'Bearer none' } })).code).toBe(missing)
    if (isOperator(name)) {
      expect((await ask(method, path, { as: alice, body })).code).toBe('auth.operator')
      return
    }
    expect((await ask(method, path, { operator: OPERATORS.olga, body })).code).toBe('auth.token_missing')
    const headers = await headersOf(method, path, { as: alice })
    expect((await ask(method, path, { body, headers: { ...headers, authorization: `${headers['authorization'] ?? ''}x` } })).status).toBe(401)
    expect((await ask(method, path, { body, headers: { ...headers, dpop: await world.auth.dpop(method, '/v1/wally/elsewhere', alice.device, tokens.get(alice.account)) } })).code).toBe('auth.dpop')
    expect((await ask(method, path, { body, headers: { authorization: headers['authorization'] ?? '' } })).code).toBe('auth.dpop')
    await ask(method, path, { body, headers })
    expect((await ask(method, path, { body, headers })).code).toBe('auth.dpop_replayed')
  })

  if (by !== 'person') it('refuses an operator without the scope', async () => {
    const { path, body } = await request()
    const answer = await ask(method, path, { operator: by === 'read' ? OPERATORS.blind : OPERATORS.reader, body })
    expect([answer.status, answer.code]).toEqual([403, 'denied.scope'])
  })

  if (underSameId.length > 0) it('refuses another body under an id that was used, and answers the same body again', async () => {
    const { path, body } = await request()
    const whole = z.record(z.string(), z.unknown()).parse(body)
    const first = await ask(method, path, { ...allowed(name), body: whole })
    for (const change of underSameId) {
      const answer = await ask(method, path, { ...allowed(name), body: { ...whole, ...change } })
      expect([answer.status, answer.code], JSON.stringify(change)).toEqual([422, 'conflict.request_differs'])
    }
    expect([first.status, (await ask(method, path, { ...allowed(name), body: whole })).status]).toEqual([201, 200])
  })

  if (malformed.length > 0) it('refuses what is malformed', async () => {
    const whole = await request()
    for (const { path = whole.path, body = whole.body } of malformed) {
      const answer = await ask(method, path, { ...allowed(name), body })
      expect([answer.status, answer.code], JSON.stringify({ path, body })).toEqual([400, expect.stringMatching(/^invalid\./)])
    }
  })

  if (method === 'POST') it('refuses a body that is no JSON, or larger than any can be', async () => {
    const { path } = await request()
    expect((await ask(method, path, { ...allowed(name), body: '{' })).code).toBe('invalid.request')
    expect((await ask(method, path, { ...allowed(name), body: JSON.stringify({ id: 'a'.repeat(40_000) }) })).code).toBe('too_large.request')
  })

  if (ofAnother !== undefined) it('shows nothing of somebody else', async () => {
    const path = await ofAnother.path()
    expect((await ask(method, path, { as: alice })).status).toBe(200)
    expect((await ask(method, path, { as: bob })).code).toBe(ofAnother.code)
  })
})

describe('ids that clients choose', () => {
  it('name one transfer for ever: the same again is answered, another body is 422', async () => {
    const body = { id: 'rent', to: bob.account, asset: world.native, amount: '7' }
    const first = await ask('POST', '/v1/wally/transfers', { as: alice, body })
    const again = await ask('POST', '/v1/wally/transfers', { as: alice, body })
    expect([first.status, again.status, again.body]).toEqual([201, 200, first.body])
    for (const change of [{ amount: '8' }, { to: alice.account }]) {
      const other = await ask('POST', '/v1/wally/transfers', { as: alice, body: { ...body, ...change } })
      expect([other.status, other.code]).toEqual([422, 'conflict.request_differs'])
    }
    // The same id is free for everybody else.
    const his = await ask('POST', '/v1/wally/transfers', { as: bob, body: { ...body, to: alice.account, amount: '1' } })
    expect(his.status).toBe(201)
  })

  it('name one payout for ever', async () => {
    const body = await withdrawal('once')
    const first = await ask('POST', '/v1/wally/payouts', { as: alice, body })
    const again = await ask('POST', '/v1/wally/payouts', { as: alice, body })
    expect([first.status, again.status, again.body['number']]).toEqual([201, 200, first.body['number']])
    for (const change of [{ amount: '1001' }, { to: somebody('another') }, { memo: 'hello' }]) {
      const other = await ask('POST', '/v1/wally/payouts', { as: alice, body: { ...body, ...change } })
      expect([other.status, other.code], JSON.stringify(change)).toEqual([422, 'conflict.request_differs'])
    }
  })
})

describe('a transfer', () => {
  it('moves money at once, and shows on both statements', async () => {
    const before = await ask('GET', '/v1/wally/balances', { as: bob })
    await ask('POST', '/v1/wally/transfers', { as: alice, body: { id: 'gift', to: bob.account, asset: world.native, amount: '100' } })
    const after = await ask('GET', '/v1/wally/balances', { as: bob })
    const heldOf = ({ body }: Answer): bigint => BigInt(z.object({ balances: z.array(z.object({ held: z.string() })) }).parse(body).balances[0]?.held ?? '0')
    expect(heldOf(after) - heldOf(before)).toBe(100n)
    // No time has passed: what was answered is on the statement.
    const lines = z.object({ lines: z.array(z.object({ direction: z.string(), amount: z.string(), other: z.string().optional(), transfer: z.string() })) })
    const [his] = lines.parse((await ask('GET', `/v1/wally/statement?asset=${asset()}`, { as: bob })).body).lines
    expect(his).toMatchObject({ direction: 'in', amount: '100', other: alice.account, transfer: `u:${alice.account}:gift` })
  })

  it.each([
    ['more than there is', { amount: '99999999999' }, 409, 'wallet.insufficient_funds'],
    ['an asset that is none', { asset: 'simulated/other' }, 404, 'wallet.asset_unknown'],
    ['to nobody', { to: parseAccountId('0'.repeat(32)) }, 404, 'account.not_found'],
  ])('is refused for %s', async (_, change, status, code) => {
    const body = { id: `no-${String(++made)}`, to: bob.account, asset: world.native, amount: '5', ...change }
    const answer = await ask('POST', '/v1/wally/transfers', { as: alice, body })
    expect([answer.status, answer.code]).toEqual([status, code])
  })

  it('to oneself is refused', async () => {
    const answer = await ask('POST', '/v1/wally/transfers', { as: alice, body: { id: 'self', to: alice.account, asset: world.native, amount: '5' } })
    expect([answer.status, answer.code, answer.reason]).toEqual([409, 'wallet.transfer_refused', 'accounts_must_differ'])
  })
})

describe('a withdrawal', () => {
  it('goes out when a wallet of the account signed exactly it, and shows its transaction', async () => {
    const before = world.chain.held(to)
    const body = await withdrawal('out')
    expect((await ask('POST', '/v1/wally/payouts', { as: alice, body })).status).toBe(201)
    await world.pass(60)
    const { body: payout } = await ask('GET', '/v1/wally/payouts/out', { as: alice })
    expect(payout).toMatchObject({ id: 'out', state: 'paid', amount: '1000', to, txid: expect.any(String) as string, fee: expect.any(String) as string })
    expect(world.chain.held(to)).toBeGreaterThanOrEqual(before + 1_000n)
  })

  it.each([
    ['another amount', { amount: '1001' }], ['another destination', { to: somebody('mallory') }], ['a memo that was not signed', { memo: 'x' }], ['another id', { id: 'other-id' }], ['no proof', { proof: undefined }],
  ])('is refused with %s', async (_, change) => {
    const answer = await ask('POST', '/v1/wally/payouts', { as: alice, body: await withdrawal(`bad-${String(++made)}`, change) })
    expect([answer.status, answer.code, answer.reason]).toEqual([403, 'wallet.payout_refused', 'proof_invalid'])
  })

  it('is refused with the proof of somebody else, although it names everything', async () => {
    await ask('POST', '/v1/wally/transfers', { as: alice, body: { id: 'for bob'.replace(' ', '-'), to: bob.account, asset: world.native, amount: '50000' } })
    const answer = await ask('POST', '/v1/wally/payouts', { as: bob, body: await withdrawal('theft', {}, alice) })
    expect([answer.code, answer.reason]).toEqual(['wallet.payout_refused', 'proof_invalid'])
  })

  it.each([
    ['to an address that is none', { to: 'nowhere' }, 'destination_invalid'], ['below the least amount', { amount: '9' }, 'amount_too_small'],
    ['to an address on the deny list', { to: somebody('denied') }, 'destination_denied'],
  ])('is refused %s', async (_, change, reason) => {
    const answer = await ask('POST', '/v1/wally/payouts', { as: alice, body: { ...await withdrawal(`no-${String(++made)}`), ...change } })
    expect([answer.code, answer.reason]).toEqual(['wallet.payout_refused', reason])
  })

  it('is refused at once when the account holds too little for it and its fee', async () => {
    const carol = await world.member('carol')
    await ask('POST', '/v1/wally/transfers', { as: alice, body: { id: 'carol', to: carol.account, asset: world.native, amount: '1000' } })
    expect((await ask('POST', '/v1/wally/payouts', { as: carol, body: await withdrawal('all', {}, carol) })).code).toBe('wallet.insufficient_funds')
  })

  it('is quoted with the one form of its destination', async () => {
    const { body } = await ask('POST', '/v1/wally/payouts/quote', { as: alice, body: { asset: world.native, amount: '2000000', to } })
    expect(body).toEqual({ chain: 'simulated', to, feeAsset: world.native, feeMax: '20000', taxMax: '0', feeFrom: 'account', holdMs: 0, needsApproval: true })
    expect((await ask('POST', '/v1/wally/payouts/quote', { as: alice, body: { asset: world.native, amount: '9', to } })).body['refusal']).toBe('amount_too_small')
  })
})

describe('operators', () => {
  it('approve what awaits it, and the money goes out', async () => {
    const id = await awaiting()
    const approved = await ask('POST', `/v1/wally/operator/payouts/${id}/approve`, { operator: OPERATORS.olga, body: {} })
    expect(approved.body).toMatchObject({ id, state: 'held', approvedBy: 'olga' })
    const again = await ask('POST', `/v1/wally/operator/payouts/${id}/approve`, { operator: OPERATORS.oleg, body: {} })
    expect([again.status, again.code]).toEqual([409, 'conflict.payout_state'])
  })

  it('say together how a payout ended: one proposes, another one who says the same decides', async () => {
    const id = await puzzling()
    const decide = (operator: string, body: object): Promise<Answer> => ask('POST', `/v1/wally/operator/payouts/${id}/decide`, { operator, body })
    const failed = { status: 'failed', fee: '0', reason: 'not_sent' }
    expect((await decide(OPERATORS.olga, { status: 'paid', fee: '7' })).status).toBe(202)
    // Another word is a new proposal.
    expect((await decide(OPERATORS.oleg, failed)).status).toBe(202)
    const { proposals } = (await ask('GET', '/v1/wally/operator/proposals', { operator: OPERATORS.reader })).body
    expect(proposals).toEqual(expect.arrayContaining([{
      payout: id, chain: 'simulated', asset: world.native, amount: '1000', outcome: { ...failed, tax: '0' }, proposedBy: 'oleg', proposedMs: expect.any(Number) as number, untilMs: expect.any(Number) as number,
    }]))
    const alone = await decide(OPERATORS.oleg, failed)
    expect([alone.status, alone.code]).toEqual([403, 'denied.same_person'])
    expect((await world.payouts.get(id))?.state).toBe('needs_operator')
    const decided = await decide(OPERATORS.olga, failed)
    expect([decided.status, decided.body['state']]).toEqual([200, 'settling'])
  })

  it('pause a chain and go on', async () => {
    const paused = async (): Promise<unknown> => {
      await world.pass(12)
      return (await ask('GET', '/v1/wally/operator/status', { operator: OPERATORS.reader })).body['chains']
    }
    await ask('POST', '/v1/wally/operator/chains/simulated/pause', { operator: OPERATORS.olga, body: {} })
    expect(await paused()).toMatchObject([{ paused: true }])
    await ask('POST', '/v1/wally/operator/chains/simulated/resume', { operator: OPERATORS.olga, body: {} })
    expect(await paused()).toMatchObject([{ paused: false, working: true }])
    expect((await ask('POST', '/v1/wally/operator/chains/none/pause', { operator: OPERATORS.olga, body: {} })).code).toBe('not_found.resource')
  })

  it('see what belongs to nobody, and who has what', async () => {
    world.chain.fund(world.hot.address, 5_000n)
    await world.pass(12)
    const { body } = await ask('GET', '/v1/wally/operator/suspense', { operator: OPERATORS.reader })
    expect(body).toEqual({ accounts: [{ id: `suspense:memo_missing:${world.native}`, asset: world.native, reason: 'memo_missing', held: '5000' }] })
    const accounts = z.object({ accounts: z.array(z.object({ id: z.string() })) })
    const { accounts: [first, second] } = accounts.parse((await ask('GET', '/v1/wally/operator/accounts?limit=2', { operator: OPERATORS.reader })).body)
    const { accounts: [next] } = accounts.parse((await ask('GET', `/v1/wally/operator/accounts?limit=1&after=${encodeURIComponent(first!.id)}`, { operator: OPERATORS.reader })).body)
    expect(next).toEqual(second)
    const transfers = z.object({ transfers: z.array(z.object({ id: z.string(), amount: z.string() })) })
    const id = `u:${alice.account}:rent`
    expect(transfers.parse((await ask('GET', `/v1/wally/operator/transfers?id=${encodeURIComponent(id)}`, { operator: OPERATORS.reader })).body).transfers).toMatchObject([{ id, amount: '7' }])
  })

  it('compare the chain with the ledger, as JSON and as a page, and verify the ledger', async () => {
    await world.pass(60)
    const report = await ask('POST', '/v1/wally/operator/chains/simulated/reconcile', { operator: OPERATORS.olga, body: {} })
    expect(report.body).toMatchObject({ status: 'done', chain: 'simulated', assets: [{ asset: world.native }] })
    const page = await ask('POST', '/v1/wally/operator/chains/simulated/reconcile?format=html', { operator: OPERATORS.olga, body: {} })
    expect(page.text).toMatch(/^<!doctype html><html lang="en" data-status="done" data-drift="(?:true|false)">.*Reconciliation of simulated/s)
    const verified = await ask('POST', '/v1/wally/operator/verify', { operator: OPERATORS.olga, body: {} })
    expect(verified.body).toMatchObject({ status: 'sound', head: { number: expect.any(Number) as number, hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string } })
  })
})
