import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, temporaryFolder, TestChain, TestServer, type Outcome } from './testing/programs.js'
import { takeTour, type TourChain } from './testing/chain-tour.js'

// A dozen programs for each chain, and blocks that become final.
vi.setConfig({ testTimeout: 300_000 })

/** How README.md says that the tour is typed on each chain. What the network takes of who pays in: a signature; gas by what was used; gas and 0.5 % of burn tax. */
const CHAINS: readonly TourChain[] = [
  { chain: 'solana', symbol: 'SOL', whole: 1_000_000_000n, networkFee: () => Promise.resolve(5_000n) },
  { chain: 'ton', symbol: 'TON', whole: 1_000_000_000n, networkFee: tonFees },
  { chain: 'terra', symbol: 'LUNC', whole: 1_000_000n, networkFee: (_payer, _url, amount) => Promise.resolve(200_000n * 28_325n / 1_000n + amount * 5n / 1_000n) },
]

describe('the tour of README.md on local chains', () => {
  const folder = temporaryFolder()
  const chains = { solana: { args: ['--slot-ms', '150', '--finalized-after', '2'] }, ton: { args: ['--block-ms', '200', '--finalized-after', '1'] }, terra: { args: ['--block-ms', '200'] } }
  const started: TestChain[] = []
  const urls: Record<string, string> = {}
  let server: TestServer
  const run = (args: readonly string[], cwd: string, at = server.url): Promise<Outcome> =>
    evegram([...args, '--json'], { environment: { EVEGRAM_SERVER: at, HOME: folder.path }, cwd: join(folder.path, cwd) })

  beforeAll(async () => {
    await buildPrograms()
    for (const name of ['solana', 'ton', 'terra'] as const) {
      const chain = new TestChain(name, chains[name].args)
      started.push(chain)
      urls[name] = await chain.url
      mkdirSync(join(folder.path, name))
    }
    server = new TestServer(join(folder.path, 'data'), { EVEGRAM_SOLANA: urls['solana'] ?? '', EVEGRAM_TON: urls['ton'] ?? '', EVEGRAM_TERRA: urls['terra'] ?? '' })
    await server.start()
  }, 300_000)
  afterAll(async () => {
    await server.kill('SIGTERM')
    for (const chain of started) await chain.stop()
    folder.remove()
  })

  it.each(CHAINS)('leads from the faucet through a chat back to $chain, every balance of the chain right to the smallest unit', async (tour) => {
    await takeTour(tour, { run, url: urls[tour.chain] ?? '', dataDir: join(folder.path, 'data') })
  })

  it('is for wallets of that chain, amounts that are some, and servers on this machine', async () => {
    const refusals: readonly (readonly [args: string, advice: RegExp])[] = [
      ['play pay 1 TON --wallet dora.json --profile ./dora', /this is a wallet of solana: pass --wallet/], ['play fund 0 SOL --profile ./dora', /above 0/],
      ['play fund 10001 SOL --profile ./dora', /The faucet gives up to/], ['play pay 1 BTC --profile ./dora', /no local chain of BTC. There are: SOL, TON, LUNC/],
    ]
    for (const [args, advice] of refusals) {
      const { code, error } = await run(args.split(' '), 'solana')
      expect([args, code, error]).toMatchObject([args, 2, { code: 'invalid.argument', message: expect.stringMatching(advice) as string }])
    }
    for (const command of ['pay', 'fund']) {
      const { code, error } = await run(['play', command, '1', 'SOL', '--server', 'http://chat.example', '--profile', './dora'], 'solana')
      expect([code, error]).toMatchObject([2, { code: 'invalid.argument', message: expect.stringContaining('on this machine only') as string }])
    }
    // More than the wallet has: the chain does not take it, and nothing moved.
    const { code, error } = await run(['play', 'pay', '9000', 'SOL', '--profile', './dora'], 'solana')
    expect([code, error]).toMatchObject([2, { code: 'invalid.argument', message: expect.stringContaining('does not take this payment') as string }])
  })
})

/** What all transactions of an account have cost, as the JSON-RPC of TON tells it. */
async function tonFees(payer: string, url: string): Promise<bigint> {
  const answer = await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getTransactions', params: { address: payer, limit: 20 } }),
  })
  const { result } = await answer.json() as { readonly result: readonly { readonly fee: string; readonly out_msgs: readonly { readonly fwd_fee: string }[] }[] }
  // As toncenter tells it, what a message costs on its way is with the message and not with the fee.
  return result.flatMap(({ fee, out_msgs: sent }) => [fee, ...sent.map((message) => message.fwd_fee)]).reduce((sum, fee) => sum + BigInt(fee), 0n)
}
