import { ManualClock } from '@evegram/platform'
import { parseAccountId } from '@evegram/protocol'
import { MsgMultiSend } from '@terra-money/terra.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newDepositCode, type DepositCode } from '../../flows/deposit/deposit-code.js'
import { DepositFlow, type DepositAlarm } from '../../flows/deposit/deposit-flow.js'
import { MemoryRoutes } from '../../flows/deposit/memory-routes.js'
import { amountOf } from '../../ledger/amount.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { AgreedChain } from '../agreed-chain.js'
import { countingRandom } from '../simulated/simulated-world.contract.js'
import { LUNA, parseTerraAddress, TERRA, terraToken } from './address.js'
import { TerraChainAdapter } from './adapter.js'
import { GAS_FEE, TerraWorld, type WorldAccount } from './terra-world.contract.js'

const PEOPLE = { alice: parseAccountId('a11ce'.padEnd(32, '0')), bob: parseAccountId('b0b'.padEnd(32, '0')) }
const M = 1_000_000n
const WIDE = { gas: 1_200_000 }

/** Where a case plays: two people with an address each, and one that all share. */
interface Scene {
  readonly world: TerraWorld
  readonly alice: string
  readonly bob: string
  readonly shared: string
  readonly codes: { readonly alice: DepositCode; readonly bob: DepositCode }
}

/** One case: what happens on the chain, and all that must be booked of it: `<whose>:<what> <amount>`. */
interface TerraCase {
  readonly name: string
  readonly happens: (scene: Scene) => Promise<unknown>
  readonly booked: readonly string[]
}

/** What only the chain itself can express; the others are in the corpus of `npm run wally:deposits`. */
const CASES: readonly TerraCase[] = [
  { name: 'a tax that is taken from the recipient', happens: ({ world, alice }) => world.send([world.pay(alice, { uluna: '1000000' })], { fee: { uluna: String(GAS_FEE) } }), booked: ['alice:uluna 995000'] },
  { name: 'a tax that one millionth too little was paid for', happens: ({ world, alice }) => world.send([world.pay(alice, { uluna: '1000000' })], { fee: { uluna: String(GAS_FEE + 4_999n) } }), booked: ['alice:uluna 995000'] },
  { name: 'a tax that was paid beside', happens: ({ world, alice }) => world.send([world.pay(alice, { uluna: '1000000' })], { fee: { uluna: String(GAS_FEE + 5_000n) } }), booked: ['alice:uluna 1000000'] },
  {
    name: 'a tax that is taken from the recipient at the shared address',
    happens: ({ world, shared, codes }) => world.send([world.pay(shared, { uluna: '1000000' })], { fee: { uluna: String(GAS_FEE) }, memo: codes.bob }), booked: ['bob:uluna 995000'],
  },
  { name: 'a tax that makes dust', happens: ({ world, alice }) => world.send([world.pay(alice, { uluna: '1000' })], { fee: { uluna: String(GAS_FEE) } }), booked: ['dust:uluna 995'] },
  { name: 'a tax of everything', happens: async ({ world, alice }) => {
    world.chain.setTaxRate(M)
    await world.send([world.pay(alice, { uluna: '1000000' })], { fee: { uluna: String(GAS_FEE) } })
  }, booked: [] },
  {
    name: 'a failed transaction that had paid before it failed',
    happens: ({ world, shared, codes }) => world.send([world.pay(shared, { uluna: '1000000' }), world.pay(shared, { uluna: String(10n ** 18n) })], { memo: codes.alice }), booked: [],
  },
  { name: 'a transaction that ran out of gas', happens: ({ world, alice }) => world.send([world.pay(alice, { uluna: '1000000' })], { gas: 100_000 }), booked: [] },
  {
    name: 'several receivers in one flattened event',
    happens: ({ world, alice, bob }) => {
      const outputs = [[world.account().address, '1'], [bob, '2000000'], [alice, '3000000']].map(([to = '', amount = '']) => new MsgMultiSend.Output(to, { uluna: amount }))
      return world.send([new MsgMultiSend([new MsgMultiSend.Input(world.stranger.address, { uluna: '5000001' })], outputs)])
    },
    booked: ['alice:uluna 3000000', 'bob:uluna 2000000'],
  },
  {
    name: 'several coins and messages at one address',
    happens: ({ world, alice }) => world.send([world.pay(alice, { uluna: '1000000', uusd: '9' }), world.pay(alice, { uluna: '500000' })]), booked: ['alice:uluna 1500000', 'unknown_asset:uusd 9'],
  },
  {
    name: 'an inner transfer by a contract, less the tax on it',
    happens: ({ world, alice }) => world.send([world.call(world.chain.createForwarder(), { forward: { to: alice } }, { uluna: '1000000' })], WIDE), booked: ['alice:uluna 995000'],
  },
  { name: 'a token', happens: ({ world, alice }) => world.send([world.giveToken(alice, 5n)], WIDE), booked: ['alice:token 5'] },
  {
    name: 'a token by send, through the hook of a contract',
    happens: ({ world, shared, codes }) => {
      const msg = Buffer.from(JSON.stringify({ to: shared })).toString('base64')
      return world.send([world.call(world.token, { send: { contract: world.chain.createForwarder(), amount: '70', msg } })], { ...WIDE, memo: codes.bob })
    },
    booked: ['bob:token 70'],
  },
  { name: 'nothing of a token', happens: ({ world, alice }) => world.send([world.giveToken(alice, 0n)], WIDE), booked: [] },
  { name: 'more of a token than there is', happens: ({ world, alice }) => world.send([world.giveToken(alice, 10n ** 30n)], WIDE), booked: [] },
  {
    name: 'a token that looks like ours',
    happens: ({ world, alice }) => {
      const forged = world.chain.createToken({ name: 'Play Token', symbol: 'PLAY', decimals: 6, holder: world.stranger.address, supply: 10n ** 12n })
      return world.send([world.call(forged, { transfer: { recipient: alice, amount: '1000000' } })], WIDE)
    },
    booked: [],
  },
  {
    name: 'a contract that says what our token says',
    happens: ({ world, alice }) => {
      const lines = { contract_address: world.token, action: 'transfer', from: world.stranger.address, to: alice, amount: '1000000' }
      return world.send([world.giveToken(world.account().address, 1n), world.call(world.chain.createForwarder(), { say: { lines } })], WIDE)
    },
    booked: [],
  },
  {
    name: 'a payment that its first block refused and a later one took',
    happens: async ({ world, alice }) => {
      const payer = world.account()
      await world.chain.give(payer.address, 'uluna', 100n * M)
      world.blocks()
      const [drain, late] = [await paying(world, payer, 0, 87n * M, world.account().address), await paying(world, payer, 1, 2n * M, alice)]
      for (const tx of [drain, late]) await world.lcd.tx.broadcastSync(tx)
      world.blocks()
      expect((await world.lcd.tx.txInfo(await world.lcd.tx.hash(late))).code).toBe(5)
      await world.chain.give(payer.address, 'uluna', 50n * M)
      world.blocks()
      await world.lcd.tx.broadcastSync(late)
    },
    booked: ['alice:uluna 2000000'],
  },
  {
    name: 'memos of right-to-left marks, NUL, SQL and 256 bytes',
    happens: async ({ world, shared, codes }) => {
      for (const [index, memo] of [`\u202e${codes.alice}`, `${codes.alice}\u0000`, '\'; DROP TABLE ledger_accounts; --', 'é'.repeat(128)].entries()) {
        await world.send([world.pay(shared, { uluna: '1000000' })], { memo, sequence: index })
      }
    },
    booked: ['memo_unreadable:uluna 4000000'],
  },
]

const paying = (world: TerraWorld, from: WorldAccount, sequence: number, amount: bigint, to: string): ReturnType<TerraWorld['signed']> =>
  world.signed([world.pay(to, { uluna: String(amount) }, from)], { from, sequence, fee: { uluna: String(GAS_FEE + 1_000_000n) } })

describe('deposits on the local Terra Classic chain, through two endpoints into the ledger', () => {
  let world: TerraWorld
  let ledger: LedgerStore
  let endpoint: { readonly url: string; close(): Promise<void> }
  const alarms: DepositAlarm[] = []
  beforeEach(async () => {
    world = await TerraWorld.open()
    endpoint = await world.server.another()
    ledger = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) }).connect()
    alarms.length = 0
  })
  afterEach(async () => {
    await endpoint.close()
    await world.close()
  })

  it.each(CASES.map((one) => [one.name, one] as const))('%s', async (_name, { happens, booked }) => {
    const [routes, random] = [new MemoryRoutes(), countingRandom('codes')]
    const codes = { alice: newDepositCode(random), bob: newDepositCode(random) }
    const [alice, bob, shared] = [world.account(), world.account(), world.account()].map(({ address }) => parseTerraAddress(address))
    if (alice === undefined || bob === undefined || shared === undefined) throw new Error('no addresses')
    for (const [name, address] of [['alice', alice], ['bob', bob]] as const) {
      await routes.giveAddress(TERRA, address, { to: 'account', account: PEOPLE[name] })
      await routes.giveCode(codes[name], PEOPLE[name])
    }
    await routes.giveAddress(TERRA, shared, { to: 'memo' })
    const sources = [world.server.url, endpoint.url].map((url, index) => ({
      name: String(index), adapter: new TerraChainAdapter({ url, chainId: world.chain.chainId, random: countingRandom(url), tokens: [world.token] }),
    }))
    const flow = new DepositFlow({
      chain: new AgreedChain({ sources, alarm: ({ about }) => { throw new Error(about) } }), ledger, routes,
      assets: new Map([[LUNA, amountOf(1_000n)], [terraToken(world.token), amountOf(1n)]]), alarm: (alarm) => alarms.push(alarm),
    })
    await happens({ world, alice, bob, shared, codes })
    world.blocks(2)
    await flow.step()
    expect(await bookings()).toEqual(booked)
    expect(alarms).toEqual([])
  })

  /** What was credited to people and to suspense, in all. */
  async function bookings(): Promise<readonly string[]> {
    const nameOf = (owner: string): string => owner === PEOPLE.alice ? 'alice' : owner === PEOPLE.bob ? 'bob' : owner
    const assetOf = (asset: string): string => asset === terraToken(world.token) ? 'token' : asset.slice(asset.indexOf('/') + 1)
    const { accounts } = await ledger.accountsAfter(undefined, 100)
    return accounts.filter(({ creditsPosted }) => creditsPosted > 0n).map(({ id, asset, creditsPosted }) => `${nameOf(id.split(':')[1] ?? '')}:${assetOf(asset)} ${String(creditsPosted)}`).sort()
  }
})
