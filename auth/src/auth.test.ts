import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LIMITS } from '@evegram/protocol'
import { createMetrics, createNodePrimitives, ManualClock, silentLogger, systemClock, systemRandom } from '@evegram/platform'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileSecretStore, lmdbAuthStores, temporaryEnvironment } from './adapters/index.js'
import { createAuth } from './auth.js'
import { AUTH_LIMITS } from './config.js'
import { nonceKey } from './challenge.js'
import { Sweeper } from './sweeper.js'
import { TestDevice, TestWallet } from './testing/actors.js'
import { TestServer } from './testing/test-server.js'

let server: TestServer
beforeEach(async () => { server = await TestServer.start() })
afterEach(async () => { await server.close() })

describe('createAuth', () => {
  it('describes every route for programs and for people', async () => {
    const openApi = await server.request('GET', '/openapi.json')
    const paths = ['/v1/auth/challenge', '/v1/auth/session', '/v1/auth/refresh', '/v1/auth/logout', '/v1/auth/jwks.json', '/v1/prekeys',
      '/v1/prekeys/{account}/{device}', '/v1/accounts/by-wallet/{wallet}', '/v1/accounts/{account}/log']
    for (const path of paths) expect(openApi.body).toHaveProperty(['paths', path])
    const page = await server.request('GET', '/docs')
    expect(page.headers.get('content-type')).toContain('text/html')
    for (const path of paths) expect(page.body).toContain(path)
  })

  it('gives the answer of discovery from its configuration', () => {
    const places = { serverId: 'ab'.repeat(16), ws: 'wss://chat.example/v1/socket', auth: 'https://chat.example' }
    expect(server.auth.discovery(places)).toMatchObject({
      ...places, domain: 'chat.example', origin: 'https://chat.example', network: 'mainnet', protocol: { min: 1, max: 1 }, limits: LIMITS,
    })
  })

  it('writes no token and no nonce into its stores', async () => {
    const member = await server.signUp(new TestWallet('alice'), new TestDevice('phone'))
    const tokens = await server.session(member)
    const { nonce } = await server.challenge('session', member.device.device)
    await server.restart()
    const files = await readdir(server.folder, { recursive: true, withFileTypes: true })
    const contents = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'latin1'))
    )
    const all = contents.join('')
    expect(all).toContain(member.account)
    for (const secret of [tokens.accessToken, tokens.refreshToken, tokens.refreshToken.split('.')[2] ?? '', nonce]) {
      expect(all.includes(secret)).toBe(false)
    }
  })

  it('refuses to start for a domain or origin that is not in canonical form', async () => {
    const store = await temporaryEnvironment()
    try {
      for (const change of [
        { domain: 'Chat.example' }, { domain: 'https://chat.example' }, { origin: 'https://chat.example/' }, { rateFactor: 0 },
      ]) {
        await expect(createAuth({
          config: { domain: 'chat.example', origin: 'https://chat.example', network: 'mainnet', ...change },
          stores: { ...lmdbAuthStores(store.environment), secrets: fileSecretStore(join(store.folder, 'secrets')) },
          clock: systemClock(), random: systemRandom(), log: silentLogger, metrics: createMetrics(), primitives: createNodePrimitives(),
        })).rejects.toThrow('invalid.config')
      }
    } finally {
      await store.remove()
    }
  })
})

describe('Sweeper', () => {
  it('forgets used nonces only long after they ran out', async () => {
    const store = await temporaryEnvironment()
    try {
      const clock = new ManualClock()
      const stores = lmdbAuthStores(store.environment)
      const sweeper = new Sweeper({ ...stores, clock, log: silentLogger })
      const use = { key: nonceKey('n'), expiresAtMs: clock.now() }
      await stores.nonces.consume(use)
      clock.advance(AUTH_LIMITS.usedNonceMarginMs)
      await sweeper.sweep()
      expect(await stores.nonces.isUsed(use.key)).toBe(true)
      clock.advance(1)
      await sweeper.sweep()
      expect(await stores.nonces.isUsed(use.key)).toBe(false)
    } finally {
      await store.remove()
    }
  })
})
