import { createHash } from 'node:crypto'
import { createHttp, ManualClock, silentLogger, systemRandom, type HttpServer } from '@evegram/platform'
import { Operators, operatorTokenHash, type OperatorScope, type WallyAuth } from '@evegram/wallet-bridge'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { OperatorFacts } from './operator-facts.js'
import { operatorRoutes } from './operator-routes.js'
import { ask as get, post } from './testing/server.js'

const TOKENS = { olga: 'olga-token', manager: 'manager-token' } as const
const scopesOf = (person: string): ReadonlySet<OperatorScope> => new Set<OperatorScope>(person === 'manager' ? ['manage', 'approve'] : ['read'])
const nobody: Pick<WallyAuth, 'callerOf' | 'owner'> = { callerOf: () => Promise.reject(new Error('not asked')), owner: () => Promise.reject(new Error('not asked')) }
let clock: ManualClock
let server: Listening
let ORIGIN: string
const open: HttpServer[] = []

interface Listening {
  readonly port: number
}

async function started(): Promise<Listening> {
  const facts = async (): Promise<OperatorFacts> => ({ nowMs: clock.now(), events: 7, assets: [], isWhole: true, chains: [], lags: { statements: 0, notices: 0, relay: 0 }, alarms: [] })
  const tokens = Object.entries(TOKENS).map(([person, token]) => ({ person, scopes: scopesOf(person), hash: operatorTokenHash(token) }))
  const one = createHttp({ log: silentLogger, clock, random: systemRandom() })
  operatorRoutes(one, { operators: new Operators({ tokens, auth: nobody }), facts, names: { domain: 'chat.example', version: '1.2.3' }, clock, random: systemRandom(), log: silentLogger })
  one.post('/v1/other', async () => ({ seen: true }))
  open.push(one)
  return { port: Number(new URL(await one.listen({ host: '127.0.0.1', port: 0 })).port) }
}

interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: string
  readonly at?: Listening
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The header that sets a cookie, and `name=value` of it. */
  readonly set: string
  readonly cookie: string
}

async function ask(method: 'GET' | 'POST', path: string, { headers = {}, form = '', at = server }: Asked = {}): Promise<Answer> {
  const { status, body: text, headers: got } = method === 'GET' ? await get(at.port, path, headers) : await post(at.port, path, form, { 'content-type': 'application/x-www-form-urlencoded', ...headers })
  const [set = ''] = got['set-cookie'] ?? []
  return { status, text, headers: got, set, cookie: set.split(';')[0] ?? '' }
}

const signIn = (token: string, more: Asked = {}): Promise<Answer> =>
  ask('POST', '/operator/sign-in', { form: new URLSearchParams({ token }).toString(), ...more, headers: { 'origin': ORIGIN, 'sec-fetch-site': 'same-origin', ...more.headers } })
const look = (cookie: string, at = server): Promise<Answer> => ask('GET', '/operator', { headers: { cookie }, at })

beforeEach(async () => {
  clock = new ManualClock()
  server = await started()
  ORIGIN = `http://localhost:${String(server.port)}`
})
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

describe('the sign-in of operators', () => {
  it('exchanges a token for a cookie that scripts and other sites do not get, and that shows the page', async () => {
    const asked = await ask('GET', '/operator')
    expect([asked.status, asked.headers['www-authenticate']]).toEqual([401, 'Bearer realm="Evegram operator"'])
    expect(asked.text).toContain('<form class="card" method="post" action="/operator/sign-in">')
    const { status, headers, set, cookie } = await signIn(` ${TOKENS.olga}\n`)
    expect([status, headers['location']]).toEqual([303, '/operator'])
    expect(set).toMatch(/^evegram_operator=[A-Za-z0-9_-]{43}; Path=\/operator; Max-Age=3600; HttpOnly; SameSite=Strict$/)
    const page = await look(`other=1; ${cookie}; more=2`)
    expect([page.status, page.headers['cache-control']]).toEqual([200, 'no-store'])
    expect(page.text).toContain(`Signed in as olga until ${new Date(clock.now() + 3_600_000).toISOString().slice(11, 16)} UTC`)
    expect((await signIn(TOKENS.olga, { headers: { origin: ORIGIN.replace('http:', 'https:') } })).set).toMatch(/; SameSite=Strict; Secure$/)
  })

  it('takes no other token, no token that may not look, and no form that is not the one of the page', async () => {
    for (const token of ['', 'wrong', `${TOKENS.olga}x`, TOKENS.olga.toUpperCase(), 'two words', 'x'.repeat(257), TOKENS.manager]) {
      const { status, text, cookie } = await signIn(token)
      expect([status, cookie], token).toEqual([401, ''])
      expect(text).toContain('No operator who may look has this token.')
      clock.advance(6_000)
    }
    for (const form of [`name=x&token=${TOKENS.olga}`, `token=x&token=${TOKENS.olga}`, `Token=${TOKENS.olga}`, '']) {
      expect((await signIn('', { form })).status, form).toBe(401)
      clock.advance(6_000)
    }
    const json = await ask('POST', '/operator/sign-in', { form: JSON.stringify({ token: TOKENS.olga }), headers: { origin: ORIGIN, 'content-type': 'application/json' } })
    expect([json.status, json.cookie]).toEqual([401, ''])
    expect((await signIn('x'.repeat(3_000))).status).toBe(413)
  })

  it('takes a form of its own page alone', async () => {
    const { cookie } = await signIn(TOKENS.olga)
    const from: readonly Readonly<Record<string, string>>[] = [
      { origin: 'null' }, { origin: 'http://localhost:1' }, { origin: 'http://evil.example' }, { origin: ORIGIN, 'sec-fetch-site': 'same-site' },
      { origin: ORIGIN, 'sec-fetch-site': 'cross-site' }, { origin: ORIGIN, 'sec-fetch-site': 'none' }, {},
    ]
    for (const headers of from) {
      for (const path of ['/operator/sign-in', '/operator/sign-out']) {
        const answer = await ask('POST', path, { form: `token=${TOKENS.olga}`, headers: { cookie, ...headers } })
        expect([answer.status, answer.cookie], JSON.stringify({ path, headers })).toEqual([403, ''])
        expect(answer.text).toContain('denied.origin')
      }
    }
    expect((await look(cookie)).status).toBe(200)
    // Nothing else on this listener reads forms.
    const other = await ask('POST', '/v1/other', { form: 'token=x', headers: { origin: ORIGIN } })
    expect([other.status, other.text]).toEqual([400, expect.stringContaining('invalid.')])
  })

  it('is tried ten times at once, then every six seconds; tokens that are right count nothing', async () => {
    for (let time = 0; time < 12; time++) expect((await signIn(TOKENS.olga)).status).toBe(303)
    for (let time = 0; time < 10; time++) expect((await signIn('wrong')).status).toBe(401)
    const limited = await signIn(TOKENS.olga)
    expect([limited.status, limited.headers['retry-after'], limited.cookie]).toEqual([429, '6', ''])
    clock.advance(6_000)
    expect((await signIn(TOKENS.olga)).status).toBe(303)
  })

  it('ends with the sign-out, after an hour whatever the wall clock says, with the 17th, and with the server', async () => {
    const { cookie: out } = await signIn(TOKENS.olga)
    const { headers, status, set } = await ask('POST', '/operator/sign-out', { form: '', headers: { cookie: out, origin: ORIGIN } })
    expect([status, headers['location'], set]).toEqual([303, '/operator', 'evegram_operator=; Path=/operator; Max-Age=0; HttpOnly; SameSite=Strict'])
    expect((await look(out)).status).toBe(401)

    const { cookie: old } = await signIn(TOKENS.olga)
    clock.advance(3_599_999)
    clock.stepWall(-3_600_000)
    expect((await look(old)).status).toBe(200)
    clock.advance(1)
    expect((await look(old)).status).toBe(401)

    const { cookie: first } = await signIn(TOKENS.olga)
    for (let other = 1; other < 16; other++) await signIn(TOKENS.olga)
    expect((await look(first)).status).toBe(200)
    const { cookie: last } = await signIn(TOKENS.olga)
    expect([(await look(first)).status, (await look(last)).status]).toEqual([401, 200])
    // Whoever signs in again leaves no session behind.
    await signIn(TOKENS.olga, { headers: { cookie: last } })
    expect((await look(last)).status).toBe(401)

    const { cookie } = await signIn(TOKENS.olga)
    expect((await look(cookie, await started())).status).toBe(401)
  })

  it('is for browsers: programs send the token, and nothing else is taken for one', async () => {
    const page = await ask('GET', '/operator', { headers: { authorization: `Bearer ${TOKENS.olga}` } })
    expect([page.status, page.text.includes('Sign out')]).toEqual([200, false])
    const basic = `Basic ${Buffer.from(`operator:${TOKENS.olga}`).toString('base64')}`
    for (const authorization of ['', 'Bearer wrong', `Bearer ${TOKENS.manager}`, basic]) expect((await ask('GET', '/operator', { headers: { authorization } })).status, authorization).toBe(401)
    for (const cookie of ['evegram_operator=', `evegram_operator=${TOKENS.olga}`, `evegram_operator=${'A'.repeat(43)}`]) expect((await look(cookie)).status, cookie).toBe(401)
  })

  it('has pages without scripts, whose one style the policy names', async () => {
    const { cookie } = await signIn(TOKENS.olga)
    for (const { text, headers } of [await ask('GET', '/operator'), await signIn('<script>'), await look(cookie)]) {
      const style = /<style>([^]*)<\/style>/.exec(text)?.[1] ?? ''
      expect(headers['content-security-policy']).toBe(
        `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      )
      expect(headers['referrer-policy']).toBe('same-origin')
      expect(text).not.toMatch(/<script|javascript:|\son\w+=|\sstyle=|src=|@import|url\(/i)
    }
  })
})
