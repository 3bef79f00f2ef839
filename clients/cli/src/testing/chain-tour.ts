import { join } from 'node:path'
import { expect } from 'vitest'
import type { Outcome } from './programs.js'
import { readmeChainCommands } from './readme.js'

/** A chain as the tour of README.md is typed on it. */
export interface TourChain {
  readonly chain: 'solana' | 'ton' | 'terra'
  readonly symbol: string
  /** Smallest units of one. */
  readonly whole: bigint
  /** What `payer` paid to the network for paying `amount` in, by what the chain at `url` recorded, in the smallest unit. */
  readonly networkFee: (payer: string, url: string, amount: bigint) => Promise<bigint>
}

/** Where the tour is taken. */
export interface TourPlace {
  /** Runs `evegram` in the folder of the chain, asked for JSON. */
  readonly run: (args: readonly string[], cwd: string) => Promise<Outcome>
  /** Of the endpoint of the chain: asked past server and bridge. */
  readonly url: string
  /** Of the server. */
  readonly dataDir: string
}

/** What somebody had on the chain before and after, as the chain said, in the smallest unit. */
export interface TourBalance {
  readonly who: string
  readonly address: string
  readonly before: string
  readonly after: string
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Types the tour of README.md on a chain and expects every balance of chain and ledger to be right to the smallest unit, and the books to agree with the chain. Resolves with
 * what the chain said.
 */
export async function takeTour({ chain, symbol, whole, networkFee }: TourChain, { run, url, dataDir }: TourPlace): Promise<readonly TourBalance[]> {
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
  const fee = await networkFee(dora, url, paidIn)
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
  const books = await run(['wally', 'reconcile', '--chain', chain, '--token', join(dataDir, 'operator-token')], chain)
  expect([books.code, books.objects[0]]).toMatchObject([0, { status: 'done', drift: false }])
  return [
    { who: 'Dora', address: dora, before: String(500n * whole), after: String(500n * whole - paidIn - fee) },
    { who: 'Emil', address: emil, before: '0', after: String(100n * whole) },
    { who: 'the bridge', address: hot, before: '0', after: String(paidIn - 100n * whole - payoutFee) },
  ]
}

/** A decimal text in the smallest unit. */
function minor(text: string, whole: bigint): bigint {
  const [units = '', part = ''] = text.split('.')
  return BigInt(units) * whole + BigInt(part.padEnd(String(whole).length - 1, '0'))
}
