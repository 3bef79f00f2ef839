import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSecretStore } from '@evegram/auth'
import { createHttp, silentLogger, systemClock, systemRandom } from '@evegram/platform'
import { amountOf, feeReserveOf, simulatedSigner } from '@evegram/wallet-bridge'
import { serveSolanaDevnet, type SolanaDevnetServer } from '@evegram/wallet-bridge/solana-devnet'
import { terraPlaySigner } from '@evegram/wallet-bridge/terra'
import { serveTerraDevnet, type TerraDevnetServer } from '@evegram/wallet-bridge/terra-devnet'
import { serveTonDevnet, type TonDevnetServer } from '@evegram/wallet-bridge/ton-devnet'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { localChainRoutes } from './local-chain-routes.js'
import { localChains, type LocalChain } from './local-chains.js'
import { startServer, temporaryFolder } from './testing/server.js'

const [clock, random] = [systemClock(), systemRandom()]
// Fast chains, so that nobody waits for finality.
const [BLOCK_MS, FINAL_AFTER] = [100, 2]
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const solanaNode = (): Promise<SolanaDevnetServer> => serveSolanaDevnet({ clock, random, port: 0, slotMs: BLOCK_MS, finalizedAfter: FINAL_AFTER })

interface OperatorChain {
  readonly chain: string
  readonly working: boolean
  readonly final?: number
}

describe('local chains of the real SDKs', () => {
  const folder = temporaryFolder()
  let [solana, ton, terra]: [SolanaDevnetServer?, TonDevnetServer?, TerraDevnetServer?] = []
  beforeAll(async () => {
    ;[solana, ton, terra] = await Promise.all([
      solanaNode(), serveTonDevnet({ clock, random, port: 0, blockMs: BLOCK_MS, finalizedAfter: FINAL_AFTER }), serveTerraDevnet({ clock, random, port: 0, blockMs: BLOCK_MS }),
    ])
  })
  afterAll(async () => {
    for (const node of [solana, ton, terra]) await node?.close()
    folder.remove()
  })

  it('are chains of their own, whose payouts cost no more than what is reserved for them', async () => {
    const chains = await all()
    expect(chains.map(({ name }) => name)).toEqual(['solana', 'ton', 'terra'])
    for (const { name, adapter, asset, desk, options: { signer, policy } } of chains) {
      const hot = adapter.addressOf(signer)
      const whole = 10n ** BigInt(asset.decimals)
      await desk.give(hot, 100n * whole)
      await expect.poll(async () => {
        const answer = await adapter.balance({ address: hot, asset: asset.id })
        return answer.status === 'known' && answer.amount > 0n
      }, { timeout: 60_000, interval: 200 }).toBe(true)
      const amount = amountOf(10n * whole)
      // Somebody who has nothing yet: the dearest recipient.
      const to = adapter.addressOf(signer.algorithm === 'ed25519' ? simulatedSigner(random.bytes(32)) : terraPlaySigner(random.bytes(32)))
      const answer = await adapter.sign({ outputs: [{ to, asset: asset.id, amount }], feeMax: feeReserveOf(policy, adapter.nativeAsset, asset.id, amount), inFlight: [] }, signer)
      expect([name, answer.status]).toEqual([name, 'signed'])
    }
  })

  it('are worked on by the server beside its own, which starts on the same ones again and refuses others of the same name with advice', async () => {
    const dataDir = join(folder.path, 'data')
    const settings = { EVEGRAM_SOLANA: solana?.url ?? '', EVEGRAM_TON: ton?.url ?? '', EVEGRAM_TERRA: terra?.url ?? '' }
    for (let start = 0; start < 2; start++) {
      const server = await startServer(dataDir, settings)
      try {
        const authorization = `Bearer ${readFileSync(join(dataDir, 'operator-token'), 'utf8').trim()}`
        await expect.poll(async () => {
          const answer = await fetch(`${server.names.origin}/v1/wally/operator/status`, { headers: { authorization } })
          const { chains } = await answer.json() as { readonly chains: readonly OperatorChain[] }
          return chains.filter(({ working, final }) => working && (final ?? 0) > 0).map(({ chain }) => chain)
        }, { timeout: 60_000, interval: 500 }).toEqual(['simulated', 'solana', 'ton', 'terra'])
      } finally {
        await server.stop()
      }
    }
    const another = await solanaNode()
    try {
      await expect(startServer(dataDir, { ...settings, EVEGRAM_SOLANA: another.url })).rejects.toMatchObject({
        code: 'invalid.config', details: { chain: 'solana' }, advice: expect.stringContaining('EVEGRAM_DATA_DIR') as string,
      })
    } finally {
      await another.close()
    }
    // Nothing is left of the start that failed.
    const without = await startServer(dataDir)
    await without.stop()
  })

  it('that do not answer end the start', async () => {
    for (const [setting, path] of [['EVEGRAM_SOLANA', ''], ['EVEGRAM_TON', '/api/v2/jsonRPC'], ['EVEGRAM_TERRA', '']] as const) {
      await expect(startServer(join(folder.path, setting), { [setting]: `http://127.0.0.1:1${path}` })).rejects.toMatchObject({ code: 'unavailable.chain' })
    }
  })

  it('give people coins, tell what addresses hold, and take what wallets sign, on this machine alone', async () => {
    const chains = await all()
    // A proxy that is believed says where a request came from.
    const http = createHttp({ log: silentLogger, clock, random, trustedProxies: ['127.0.0.1'] })
    localChainRoutes(http, chains)
    const url = await http.listen({ host: '127.0.0.1', port: 0 })
    const ask = async (method: 'GET' | 'POST', path: string, body?: object, from = '127.0.0.1'): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> => {
      const answer = await fetch(`${url}/v1/play/chains${path}`, {
        method, headers: { 'x-forwarded-for': from, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: await answer.json() as Readonly<Record<string, unknown>> }
    }
    const problem = ({ status, body }: Awaited<ReturnType<typeof ask>>): readonly unknown[] => [status, (body['error'] as { readonly code?: string } | undefined)?.code]
    expect((await ask('GET', '')).body).toMatchObject({ chains: [{ chain: 'solana', symbol: 'SOL', decimals: 9 }, { chain: 'ton', asset: 'ton/ton' }, { chain: 'terra', asset: 'terra/uluna', decimals: 6 }] })
    for (const { name, adapter, options: { signer }, desk } of chains) {
      const nobody = adapter.addressOf(signer.algorithm === 'ed25519' ? simulatedSigner(random.bytes(32)) : terraPlaySigner(random.bytes(32)))
      const held = async (): Promise<unknown> => (await ask('GET', `/${name}/addresses/${nobody}`)).body['amount']
      expect(await held()).toBe('0')
      // One that the chain does not know can pay nothing; Solana finds that out when it is handed over.
      if (name !== 'solana') expect(problem(await ask('GET', `/${name}/payers/${nobody}`))).toEqual([409, 'wallet.insufficient_funds'])
      for (const [amount, to] of [['0', nobody], [String(desk.giftMax + 1n), nobody], ['1.5', nobody], ['-1', nobody], ['1', 'nobody']]) {
        expect([name, amount, (await ask('POST', `/${name}/faucet`, { to, amount })).status]).toEqual([name, amount, 400])
      }
      expect((await ask('POST', `/${name}/faucet`, { to: nobody, amount: '12345678901' })).status).toBe(202)
      await expect.poll(held, { timeout: 60_000, interval: 200 }).toBe('12345678901')
      expect((await ask('GET', `/${name}/payers/${nobody}`)).body).toMatchObject({ chain: name })
      for (const payment of ['', 'AA==', 'no base64', Buffer.alloc(200, 1).toString('base64'), 'A'.repeat(8_196)]) expect([name, problem(await ask('POST', `/${name}/payments`, { payment }))[0]]).toEqual([name, 400])
      // Nobody else's machine.
      for (const [method, path, body] of [
        ['GET', ''], ['GET', `/${name}/addresses/${nobody}`], ['GET', `/${name}/payers/${nobody}`], ['POST', `/${name}/faucet`, { to: nobody, amount: '1' }], ['POST', `/${name}/payments`, { payment: 'AA==' }],
      ] as const) expect([path, ...problem(await ask(method, path, body, '192.0.2.7'))]).toEqual([path, 404, 'not_found.resource'])
    }
    expect(problem(await ask('GET', '/simulated/addresses/sim1'))).toEqual([404, 'not_found.resource'])
    await http.close()
  })

  function all(): Promise<readonly LocalChain[]> {
    return localChains({ config: { solana: solana?.url, ton: ton?.url, terra: terra?.url }, secrets: fileSecretStore(join(folder.path, 'secrets')), random })
  }
})
