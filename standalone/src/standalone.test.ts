import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Standalone } from './standalone.js'
import { ask, post, startServer, temporaryFolder, UPGRADE, VERSION } from './testing/server.js'

interface OpenApi {
  readonly openapi: string
  readonly info: { readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly summary?: string
  readonly responses?: object
  readonly tags?: readonly string[]
}

describe('a standalone server', () => {
  const folder = temporaryFolder()
  const dataDir = join(folder.path, 'data')
  let server: Standalone
  beforeAll(async () => {
    server = await startServer(dataDir, { EVEGRAM_ALLOWED_ORIGINS: 'https://app.example', EVEGRAM_SOCKETS: 'ws' })
  }, 120_000)
  afterAll(async () => {
    await server.stop()
    folder.remove()
  })
  const get = async (path: string): Promise<unknown> => JSON.parse((await ask(server.ports.http, path)).body)

  it('says where everything is, with the ports that it has', async () => {
    const { http, ws } = server.ports
    expect(await get('/.well-known/evegram')).toMatchObject({
      domain: `localhost:${String(http)}`, origin: `http://localhost:${String(http)}`, ws: `ws://localhost:${String(ws)}/v1/socket`,
      auth: `http://localhost:${String(http)}`, wally: `http://localhost:${String(http)}`, network: 'mainnet', serverId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      protocol: { min: 1, max: 1 }, limits: expect.objectContaining({ textBytesMax: 32_768 }) as object, serverTimeMs: expect.any(Number) as number,
    })
  })

  it('has a start page that says how it is and what to try, without scripts or anything from elsewhere', async () => {
    const { status, headers, body } = await ask(server.ports.http, '/')
    expect(status).toBe(200)
    expect(headers['content-type']).toContain('text/html')
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    const parts = ['class="ready"', VERSION, `localhost:${String(server.ports.http)}`, 'npx evegram chat', 'href="/docs"', 'href="/openapi.json"']
    for (const part of parts) expect(body).toContain(part)
    expect(body).not.toMatch(/<script|javascript:|\son\w+=|src=|@import|url\(/i)
    for (const [, target] of body.matchAll(/href="([^"]+)"/g)) expect((await ask(server.ports.http, target ?? '')).status, target).toBe(200)
  })

  it('describes its API: every operation has a summary and answers, every reference resolves, and the page for people names them all', async () => {
    const api = await get('/openapi.json') as OpenApi
    expect(api.openapi).toMatch(/^3\./)
    expect(api.info.version).toBe(VERSION)
    expect(Object.keys(api.paths)).toEqual(expect.arrayContaining([
      '/.well-known/evegram', '/v1/auth/challenge', '/v1/auth/session', '/v1/auth/refresh', '/v1/auth/logout', '/v1/auth/jwks.json',
      '/v1/accounts/by-wallet/{wallet}', '/v1/accounts/{account}/log', '/v1/prekeys', '/v1/prekeys/{account}/{device}',
      '/v1/wally/balances', '/v1/wally/payouts', '/v1/wally/operator/status', '/v1/play', '/v1/play/faucet',
    ]))
    const { body: page } = await ask(server.ports.http, '/docs')
    expect(page).not.toMatch(/<script|src="http/i)
    for (const [path, operations] of Object.entries(api.paths)) {
      expect(page).toContain(path)
      for (const [method, operation] of Object.entries(operations)) {
        expect(operation.summary, `${method} ${path}`).toBeTruthy()
        expect(operation.tags?.length, `${method} ${path}`).toBeGreaterThan(0)
        expect(Object.keys(operation.responses ?? {}), `${method} ${path}`).not.toHaveLength(0)
      }
    }
    for (const [, name] of JSON.stringify(api).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = (name ?? '').split('/').reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], api)
      expect(target, name).toBeDefined()
    }
  })

  it('answers 421 to any Host but its own, on HTTP and on the upgrade', async () => {
    const { http, ws } = server.ports
    for (const [port, path, headers] of [[http, '/', {}], [ws, '/v1/socket', UPGRADE]] as const) {
      const fine = port === http ? 200 : 101
      for (const host of ['localhost', '127.0.0.1', '[::1]']) {
        expect((await ask(port, path, { ...headers, host: `${host}:${String(port)}` })).status, host).toBe(fine)
      }
      const own = `localhost:${String(port)}`
      for (const host of ['evil.example', `evil.example:${String(port)}`, 'localhost', 'localhost:1', `${own}.evil.example`, `evil.${own}`]) {
        expect((await ask(port, path, { ...headers, host })).status, `${String(port)} ${host}`).toBe(421)
      }
    }
  })

  it('refuses foreign and null Origins, and lets in those that are configured', async () => {
    const { http, ws } = server.ports
    for (const [port, path, headers] of [[http, '/.well-known/evegram', {}], [ws, '/v1/socket', UPGRADE]] as const) {
      const fine = port === http ? 200 : 101
      expect((await ask(port, path, { ...headers, origin: 'https://app.example' })).status).toBe(fine)
      expect((await ask(port, path, { ...headers, origin: `http://localhost:${String(http)}` })).status).toBe(fine)
      for (const origin of ['null', 'https://evil.example', 'https://app.example.evil.example', 'http://app.example', 'https://app.example:444']) {
        expect((await ask(port, path, { ...headers, origin })).status, `${String(port)} ${origin}`).toBe(403)
      }
    }
    const { headers } = await ask(http, '/.well-known/evegram', { origin: 'https://app.example' })
    expect(headers['access-control-allow-origin']).toBe('https://app.example')
    expect(headers['access-control-allow-credentials']).toBeUndefined()
  })

  it('tells operators on a port of its own: metrics, health, readiness; status with the token only', async () => {
    const { admin, http } = server.ports
    expect((await ask(admin, '/healthz')).status).toBe(200)
    expect(JSON.parse((await ask(admin, '/readyz')).body)).toMatchObject({ ok: true })
    const metrics = await ask(admin, '/metrics')
    expect(metrics.headers['content-type']).toContain('text/plain')
    for (const line of metrics.body.split('\n').filter((text) => text !== '' && !text.startsWith('#'))) expect(line).toMatch(/^[a-z_:][\w:]*(\{[^}]*\})? \S+$/)
    expect(metrics.body).toMatch(/^evegram_process_\w+ /m)
    const token = readFileSync(join(dataDir, 'operator-token'), 'utf8').trim()
    for (const authorization of ['', 'Bearer', 'Bearer wrong', `Bearer ${token}x`, `Basic ${token}`]) {
      expect((await ask(admin, '/v1/operator/status', { authorization })).status, authorization).toBe(401)
    }
    const status = await ask(admin, '/v1/operator/status', { authorization: `Bearer ${token}` })
    expect(JSON.parse(status.body)).toMatchObject({ ready: true, connections: 0 })
    expect((await ask(admin, '/metrics', { host: 'evil.example' })).status).toBe(421)
    for (const path of ['/metrics', '/readyz', '/v1/operator/status', '/operator']) expect((await ask(http, path)).status, path).toBe(404)
  })

  it('shows operators how the wallet bridge stands, in a browser that signed in with the token, and nobody else', async () => {
    const { admin } = server.ports
    const token = readFileSync(join(dataDir, 'operator-token'), 'utf8').trim()
    const basic = `Basic ${Buffer.from(`operator:${token}`).toString('base64')}`
    for (const authorization of ['', 'Bearer wrong', basic]) {
      const { status, body } = await ask(admin, '/operator', { authorization })
      expect(status, authorization).toBe(401)
      expect(body).not.toContain('PLAY')
    }
    const form = { origin: `http://localhost:${String(admin)}`, 'content-type': 'application/x-www-form-urlencoded' }
    const signedIn = await post(admin, '/operator/sign-in', `token=${token}`, form)
    const cookie = signedIn.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
    expect([signedIn.status, cookie]).toEqual([303, expect.stringContaining('evegram_operator=')])
    for (const headers of [{ authorization: `Bearer ${token}` }, { cookie }]) {
      const { status, headers: { 'content-security-policy': policy }, body } = await ask(admin, '/operator', headers)
      expect(status).toBe(200)
      expect(policy).toContain("default-src 'none'")
      for (const part of ['Wallet bridge', 'simulated', 'PLAY', 'Payouts under way', 'Alarms']) expect(body).toContain(part)
      expect(body).not.toMatch(/<script|javascript:|\son\w+=|src=|@import|url\(/i)
    }
    // The cookie is for the page alone.
    for (const path of ['/v1/operator/status', '/v1/operator/wally-snapshot']) expect((await (path.endsWith('status') ? ask(admin, path, { cookie }) : post(admin, path, {}, { cookie }))).status, path).toBe(401)
    for (const authorization of ['', 'Bearer wrong', basic]) expect((await post(admin, '/v1/operator/wally-snapshot', {}, { authorization })).status).toBe(401)
    // Two backups at once would write the same folder: one of them is told to come back.
    const both = await Promise.all([0, 1].map(() => post(admin, '/v1/operator/wally-snapshot', {}, { authorization: `Bearer ${token}` })))
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
    expect(readdirSync(join(dataDir, 'wally-snapshot'))).toHaveLength(2)
  })

  it('gives play money within bounds, and says what addresses hold', async () => {
    const { http } = server.ports
    const { address } = await get(`/v1/play/keys/${'ab'.repeat(32)}`) as { readonly address: string }
    expect(await get('/v1/play')).toMatchObject({ chain: 'simulated', asset: 'simulated/play', decimals: 6, faucet: { open: true, amountMax: '1000000000' } })
    expect(await get(`/v1/play/addresses/${address}`)).toMatchObject({ address, amount: '0' })
    expect((await post(http, '/v1/play/faucet', { to: address, amount: '1500000' })).status).toBe(202)
    await expect.poll(() => get(`/v1/play/addresses/${address}`), { timeout: 30_000, interval: 250 }).toMatchObject({ amount: '1500000' })
    for (const body of [{}, { to: address, amount: '0' }, { to: address, amount: '1000000001' }, { to: address, amount: '-1' }, { to: address, amount: '1.5' }, { to: 'sim1', amount: '1' }, { to: address, amount: '1', memo: 'x'.repeat(257) }]) {
      expect((await post(http, '/v1/play/faucet', body)).status, JSON.stringify(body)).toBe(400)
    }
    for (const path of ['/v1/play/addresses/sim1', '/v1/play/keys/short']) expect((await ask(http, path)).status, path).toBe(400)
  })
})

describe('a standalone server for others', () => {
  it('gives no play money, and leaves the wallet bridge out when it is told to', async () => {
    const folder = temporaryFolder()
    const open = await startServer(join(folder.path, 'open'), { EVEGRAM_PUBLIC_URL: 'https://chat.example' })
    try {
      const { status, body } = await post(open.ports.http, '/v1/play/faucet', { to: 'sim1', amount: '1' })
      expect([status, JSON.parse(body)]).toMatchObject([404, { error: { code: 'not_found.resource' } }])
      expect(JSON.parse((await ask(open.ports.http, '/v1/play')).body)).toMatchObject({ faucet: { open: false } })
      // Local chains are for a server of its own machine.
      expect((await ask(open.ports.http, '/v1/play/chains')).status).toBe(404)
      expect((await ask(open.ports.http, '/')).body).not.toContain('faucet')
    } finally {
      await open.stop()
    }
    const without = await startServer(join(folder.path, 'without'), { EVEGRAM_WALLY: 'false' })
    try {
      for (const path of ['/v1/play', '/v1/play/chains', '/v1/wally/assets']) expect((await ask(without.ports.http, path)).status, path).toBe(404)
      expect((await ask(without.ports.admin, '/operator')).status).toBe(404)
      expect(JSON.parse((await ask(without.ports.http, '/.well-known/evegram')).body)).not.toHaveProperty('wally')
      expect(readdirSync(join(folder.path, 'without'))).not.toContain('ledger')
    } finally {
      await without.stop()
      folder.remove()
    }
  }, 120_000)
})
