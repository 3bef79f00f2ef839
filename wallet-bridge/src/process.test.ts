import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { authInternalRoutes, TestDevice, TestServer, TestWallet } from '@evegram/auth/testing'
import {
  AUTH_INTERNAL_API, createInternalHttp, ServiceTokens, ServiceVerifier, silentLogger, systemClock, systemRandom, type HttpServer, type RunningService,
} from '@evegram/platform'
import { serviceAddresses } from '@evegram/platform/testing'
import { hexOf } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SolanaWorld } from './chain/solana/devnet/solana-world.js'
import { scratchDatabase, type ScratchDatabase } from './ledger/postgres/scratch-database.js'
import { operatorTokenHash } from './operators.js'
import { readWallyProcessConfig } from './process-config.js'
import { startWallyProcess } from './process.js'

const clock = systemClock()
const serviceSeed = new Uint8Array(32).fill(9)
const folder = mkdtempSync(join(tmpdir(), 'wally-'))
const chainsPath = join(folder, 'chains.json')
const limits = { depositMin: '1000', payoutMin: '1000', payoutMax: '1000000000', accountDayMax: '1000000000', approvalAbove: '1000000000', topUpBelow: '0' }
const status = z.object({ chains: z.array(z.object({ chain: z.string(), working: z.boolean(), address: z.string() })) })

let auth: TestServer
let internal: HttpServer
let scratch: ScratchDatabase
let solana: SolanaWorld
let environment: Record<string, string>
const running: RunningService[] = []

beforeAll(async () => {
  auth = await TestServer.start()
  internal = createInternalHttp({
    log: silentLogger, clock, random: systemRandom(), api: AUTH_INTERNAL_API,
    verifier: new ServiceVerifier({ name: 'auth', clock, keys: new Map([['wally', new ServiceTokens({ name: 'wally', seed: serviceSeed, clock }).publicKey]]) }),
  })
  authInternalRoutes(internal, { auth: auth.auth, log: silentLogger })
  const authUrl = await internal.listen({ host: '127.0.0.1', port: 0 })
  scratch = await scratchDatabase(serviceAddresses('postgres')[0] ?? '')
  solana = await SolanaWorld.open()
  writeChains(solana.chain.genesisHash, limits)
  environment = {
    EVEGRAM_PUBLIC_URL: auth.origin, EVEGRAM_HTTP_PORT: '0', EVEGRAM_ADMIN_PORT: '0', EVEGRAM_WALLY_CHAINS: chainsPath, EVEGRAM_WALLY_SECRET: Buffer.alloc(32, 5).toString('base64url'),
    EVEGRAM_POSTGRES: scratch.url, EVEGRAM_NATS: serviceAddresses('nats').join(','), EVEGRAM_PREFIX: `wally${hexOf(systemRandom().bytes(4))}`, EVEGRAM_AUTH_URLS: authUrl,
    EVEGRAM_SERVICE_KEY: Buffer.from(serviceSeed).toString('base64url'), EVEGRAM_LOG_LEVEL: 'silent', HOT_SEED: 'a1'.repeat(32), SOLANA_URL: solana.server.url,
  }
}, 120_000)
afterAll(async () => {
  for (const service of running) await service.stop()
  await solana.close()
  await internal.close()
  await auth.close()
  await scratch.drop()
  rmSync(folder, { recursive: true, force: true })
})

function writeChains(identity: string, limits: object): void {
  writeFileSync(chainsPath, JSON.stringify({
    chains: [{
      chain: 'solana', identity, endpoints: [{ name: 'one', url: 'env:SOLANA_URL' }], key: { seed: 'env:HOT_SEED' }, feeReserve: { fixed: '3000000' }, holdHours: 0,
      assets: [{ asset: 'solana/sol', symbol: 'SOL', decimals: 9, ...limits }],
    }],
    operators: [{ person: 'olga', scopes: ['read'], sha256: hexOf(operatorTokenHash('a-token')) }],
  }))
}

async function start(): Promise<RunningService> {
  const service = await startWallyProcess(readWallyProcessConfig(environment), environment, '1')
  running.push(service)
  return service
}

async function get(service: RunningService, path: string, headers: Readonly<Record<string, string>> = {}, port = 'http'): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${String(service.ports[port])}${path}`, { headers })
  return { status: response.status, body: await response.json() }
}

const operator = { authorization: 'Bearer a-token' }
const chainsOf = async (service: RunningService): Promise<z.output<typeof status>['chains']> => status.parse((await get(service, '/v1/wally/operator/status', operator)).body).chains

describe('the wallet bridge as a process', () => {
  it('does not begin books about a chain that its endpoints are not of', { timeout: 60_000 }, async () => {
    writeChains('So1anaAnother11111111111111111111111111111111', limits)
    await expect(start()).rejects.toMatchObject({ code: 'unavailable.chain' })
    // And has not written it down: the right one begins below.
    writeChains(solana.chain.genesisHash, limits)
  })

  it('serves people and operators, works on a chain in one process at a time, and hands it over', { timeout: 120_000 }, async () => {
    const one = await start()
    await expect.poll(async () => chainsOf(one), { timeout: 20_000 }).toMatchObject([{ chain: 'solana', working: true }])
    expect(await get(one, '/readyz', {}, 'admin')).toMatchObject({ status: 200, body: { ok: true } })

    const alice = await auth.signUp(new TestWallet('alice'), new TestDevice('phone'))
    const { accessToken } = await auth.session(alice)
    const signed = async (path: string) => ({ authorization: `DPoP ${accessToken}`, dpop: await auth.dpop('GET', path, alice.device, accessToken) })
    expect(await get(one, '/v1/wally/balances', await signed('/v1/wally/balances'))).toEqual({ status: 200, body: { balances: [] } })
    expect(await get(one, '/v1/wally/balances', await signed('/v1/wally/payouts'))).toMatchObject({ status: 401, body: { error: { code: 'auth.dpop' } } })
    expect((await get(one, '/openapi.json')).body).toMatchObject({ paths: { '/v1/wally/payouts': {} } })

    const other = await start()
    await new Promise((resolve) => { clock.after(3_000, () => { resolve(undefined) }) })
    expect((await chainsOf(other)).map(({ working }) => working)).toEqual([false])
    await one.stop()
    await expect.poll(async () => (await chainsOf(other)).map(({ working }) => working), { timeout: 20_000 }).toEqual([true])
    await other.stop()
  })

  it('refuses a chain that is not the one of its books', { timeout: 60_000 }, async () => {
    writeChains('So1anaAnother11111111111111111111111111111111', limits)
    await expect(start()).rejects.toMatchObject({ code: 'invalid.config', details: { chain: 'solana' } })
  })
})
