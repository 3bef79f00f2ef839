import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { readStandaloneConfig } from './config.js'
import { startStandalone, type Standalone } from './standalone.js'
import { ask, settings, temporaryFolder, VERSION } from './testing/server.js'

// A ledger is made here; a busy machine may take its time.
vi.setConfig({ testTimeout: 120_000 })

const folder = temporaryFolder()
afterAll(() => { folder.remove() })
const start = (name: string): Promise<Standalone> => startStandalone(readStandaloneConfig(settings(join(folder.path, name), { EVEGRAM_SOCKETS: 'ws' })), VERSION)

/** What is asked of the wallet bridge without signing in, and what the server says about its readiness. */
async function told({ ports }: Standalone): Promise<{ readonly status: number; readonly code: unknown; readonly retryAfter: unknown; readonly missing: unknown }> {
  const [assets, ready] = await Promise.all([ask(ports.http, '/v1/wally/assets'), ask(ports.admin, '/readyz')])
  const { error: { code } } = JSON.parse(assets.body) as { readonly error: { readonly code: string } }
  const { checks } = JSON.parse(ready.body) as { readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[] }
  return { status: assets.status, code, retryAfter: assets.headers['retry-after'], missing: checks.flatMap(({ name, ok, reason }) => (ok ? [] : [`${name}: ${String(reason)}`])) }
}

describe('a ledger that comes up beside the server', () => {
  it('holds nothing up but itself, says when to ask again, and may be stopped on the way', async () => {
    const first = await start('data')
    expect(await told(first)).toEqual({ status: 503, code: 'unavailable.ledger_starting', retryAfter: '1', missing: ['wallet bridge: the ledger is starting'] })
    expect((await ask(first.ports.http, '/')).body).toContain('not ready: the ledger is starting')
    for (const path of ['/.well-known/evegram', '/v1/auth/jwks.json', '/v1/play']) expect((await ask(first.ports.http, path)).status, path).toBe(200)
    await first.stop()
    expect(await first.walletBridge).toEqual({ status: 'stopped' })

    const second = await start('data')
    expect(await second.walletBridge).toEqual({ status: 'running' })
    expect(await told(second)).toMatchObject({ status: 401, code: 'auth.token_missing', missing: [] })
    await second.stop()
  })

  it('that cannot be opened leaves chat up, and is missing where operators look', async () => {
    // What is left of a ledger whose disk lost most of it.
    const directory = join(folder.path, 'damaged', 'ledger', 'pgdata')
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(join(directory, 'PG_VERSION'), '18\n')
    const server = await start('damaged')
    expect(await server.walletBridge).toMatchObject({ status: 'failed', failure: { code: 'unavailable.store' } })
    expect(await told(server)).toMatchObject({ status: 503, code: 'unavailable.store', missing: ['wallet bridge: the ledger did not start: see the log'] })
    expect((await ask(server.ports.http, '/v1/auth/jwks.json')).status).toBe(200)
    await server.stop()
  })
})
