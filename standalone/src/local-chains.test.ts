import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSecretStore } from '@evegram/auth'
import { systemClock, systemRandom } from '@evegram/platform'
import { amountOf, feeReserveOf, simulatedSigner, type ChainAddress } from '@evegram/wallet-bridge'
import { serveSolanaDevnet, type SolanaDevnetServer } from '@evegram/wallet-bridge/solana-devnet'
import { terraPlaySigner } from '@evegram/wallet-bridge/terra'
import { serveTerraDevnet, type TerraDevnetServer } from '@evegram/wallet-bridge/terra-devnet'
import { serveTonDevnet, type TonDevnetServer } from '@evegram/wallet-bridge/ton-devnet'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { localChains } from './local-chains.js'
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
    const chains = await localChains({ config: { solana: solana?.url, ton: ton?.url, terra: terra?.url }, secrets: fileSecretStore(join(folder.path, 'secrets')), random })
    expect(chains.map(({ name }) => name)).toEqual(['solana', 'ton', 'terra'])
    for (const { name, options: { sources: [source], signer, assets: [asset], policy } } of chains) {
      if (source === undefined || asset === undefined) throw new Error(name)
      const { adapter } = source
      const hot = adapter.addressOf(signer)
      const whole = 10n ** BigInt(asset.decimals)
      await give(name, hot, 100n * whole)
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

  async function give(chain: string, to: ChainAddress, amount: bigint): Promise<void> {
    if (chain === 'solana') await post(solana?.url, { jsonrpc: '2.0', id: 1, method: 'requestAirdrop', params: [to, Number(amount)] })
    if (chain === 'ton') await post(ton?.url, { jsonrpc: '2.0', id: 1, method: 'faucet', params: { address: to, amount: String(amount) } })
    if (chain === 'terra') await post(`${terra?.url ?? ''}/faucet`, { address: to, denom: 'uluna', amount: String(amount) })
  }

  async function post(url: string | undefined, body: object): Promise<void> {
    const answer = await fetch(url ?? '', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    const text = await answer.text()
    if (!answer.ok || text.includes('"error"')) throw new Error(text)
  }
})
