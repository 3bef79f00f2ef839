import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, temporaryFolder, TestChain, TestServer, type Outcome } from './testing/programs.js'
import { readmeChainCommands } from './testing/readme.js'

// A dozen programs for each chain, and blocks that become final.
vi.setConfig({ testTimeout: 300_000 })

type Fields = Readonly<Record<string, unknown>>
/** An endpoint of a chain is asked past server and bridge: what people paid to the network, by what their chain recorded, in minor units. */
type NetworkFee = (payer: string, url: string, amount: bigint) => Promise<bigint>

/** How README.md says that the tour is typed on each chain. What the network takes of who pays in: a signature; gas by what was used; gas and 0.5 % of burn tax. */
const CHAINS: readonly (readonly [chain: 'solana' | 'ton' | 'terra', symbol: string, whole: bigint, networkFee: NetworkFee])[] = [
  ['solana', 'SOL', 1_000_000_000n, () => Promise.resolve(5_000n)],
  ['ton', 'TON', 1_000_000_000n, tonFees],
  ['terra', 'LUNC', 1_000_000n, (_payer, _url, amount) => Promise.resolve(200_000n * 28_325n / 1_000n + amount * 5n / 1_000n)],
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

  it.each(CHAINS)('leads from the faucet through a chat back to %s, every balance of the chain right to the smallest unit', async (chain, symbol, whole, networkFee) => {
    const ok = async (args: readonly string[]): Promise<Fields> => {
      const outcome = await run(args, chain)
      expect(outcome.code, `${args.join(' ')}: ${outcome.stderr}`).toBe(0)
      return outcome.objects[0] ?? {}
    }
    const onChain = async (address: string): Promise<bigint> => BigInt(String((await ok(['play', 'balance', address]))['amount']))
    const addresses = new Map<string, string>()
    const typed: [command: string, result: Fields][] = []
    for (const command of readmeChainCommands()) {
      const args = command.replaceAll('solana', chain).replaceAll('SOL', symbol).replace(/<(\w+)'s address>/g, (_, name: string) => addresses.get(name.toLowerCase()) ?? '').split(/\s+/)
      const result = await ok(args)
      typed.push([args.slice(0, 2).join(' '), result])
      if (args[0] === 'keys') addresses.set(/(\w+)\.json/.exec(command)?.[1] ?? '', String(result['address']))
    }
    const { dora = '', emil = '' } = Object.fromEntries(addresses)
    const resultsOf = (command: string): readonly Fields[] => typed.filter(([name]) => name === command).map(([, result]) => result)
    expect(typed.map(([name]) => name)).toEqual([
      'keys new', 'keys new', 'login --wallet', 'login --wallet', 'play fund', 'play pay', 'wallet send', 'play balance', 'wallet withdraw', 'play balance', 'play balance', 'wallet balance',
    ])
    const [[fund], [paid], [sent], [out]] = [resultsOf('play fund'), resultsOf('play pay'), resultsOf('wallet send'), resultsOf('wallet withdraw')]

    // In: the faucet gave exactly that, the wallet paid it to the bridge with its memo, and what arrived was credited.
    const paidIn = 400n * whole
    expect(fund).toMatchObject({ chain, to: dora, decimal: '500', held: String(500n * whole) })
    expect(paid).toMatchObject({ from: dora, decimal: '400', credited: String(paidIn) })
    expect(String(paid?.['memo'])).toMatch(/^evg1/)
    const fee = await networkFee(dora, urls[chain] ?? '', paidIn)
    expect(fee).toBeGreaterThan(0n)
    if (paid?.['fee'] !== undefined) expect(paid['fee']).toBe(String(fee))

    // In chat: no chain saw that.
    expect(sent).toMatchObject({ paid: true, to: emil, decimal: '250' })

    // Out: before and after, as the chain says; what it cost is Emil's, and nobody else has less.
    expect(out).toMatchObject({ state: 'paid', to: emil, decimal: '100' })
    const payoutFee = BigInt(String(out?.['fee']))
    expect(payoutFee).toBeGreaterThan(0n)
    expect(resultsOf('play balance').map(({ address, amount }) => [address, amount])).toEqual([[emil, '0'], [emil, String(100n * whole)], [dora, String(500n * whole - paidIn - fee)]])
    const hot = String(paid?.['to'])
    expect(await onChain(hot)).toBe(paidIn - 100n * whole - payoutFee)
    expect(minor(String(resultsOf('wallet balance')[0]?.['held']), whole)).toBe(150n * whole - payoutFee)
    expect((await ok(['wallet', 'balance', '--profile', './dora']))['held']).toBe('150')
    const books = await run(['wally', 'reconcile', '--chain', chain, '--token', join(folder.path, 'data', 'operator-token')], chain)
    expect([books.code, books.objects[0]]).toMatchObject([0, { status: 'done', drift: false }])
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

/** A decimal text in the smallest unit. */
function minor(text: string, whole: bigint): bigint {
  const [units = '', part = ''] = text.split('.')
  return BigInt(units) * whole + BigInt(part.padEnd(String(whole).length - 1, '0'))
}
