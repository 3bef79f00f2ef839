import { parseAccountId } from '@evegram/protocol'
import { SystemProgram, type Keypair, type PublicKey } from '@solana/web3.js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AgreedChain } from '../../chain/agreed-chain.js'
import type { ChainAddress } from '../../chain/chain-adapter.js'
import { simulatedSigner } from '../../chain/simulated/signer.js'
import { SOL, solanaAddressOf, SolanaChainAdapter, solanaToken } from '../../chain/solana/index.js'
import { SolanaWorld, type WorldMint } from '../../chain/solana/devnet/solana-world.js'
import { countingRandom } from '../../chain/simulated/simulated-world.contract.js'
import { amountOf, ZERO } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { freshStores, postgresServer, type LedgerServer } from '../../ledger/postgres/fresh-ledger.fixture.js'
import { DepositFlow } from '../deposit/deposit-flow.js'
import { payoutIdOf } from '../payout/payout.js'
import { PayoutFlow } from '../payout/payout-flow.js'
import { ReconcileFlow } from './reconcile-flow.js'
import type { ReconciliationReport } from './report.js'

const alice = parseAccountId('a'.repeat(32))
const MUCH = amountOf(10n ** 15n)
const FUNDS = 2_000_000_000n

describe('the reconciliation of a Solana chain with books in PostgreSQL', () => {
  let server: LedgerServer
  let stores: Awaited<ReturnType<typeof freshStores>>
  let world: SolanaWorld
  let token: WorldMint
  let chain: AgreedChain
  let keys: Keypair
  let hot: ChainAddress
  let deposits: DepositFlow
  let payouts: PayoutFlow
  let beginsAt: number
  const toClose: (() => Promise<void>)[] = []
  beforeAll(async () => { server = await postgresServer() }, 120_000)
  afterAll(async () => { await server.close() }, 60_000)
  beforeEach(async () => {
    stores = await freshStores(server)
    world = await SolanaWorld.open()
    token = await world.mint()
    const second = await world.server.another()
    toClose.push(() => second.close(), () => world.close(), () => stores.close())
    const sources = [world.server.url, second.url].map((url, index) => ({ name: `endpoint ${String(index)}`, adapter: new SolanaChainAdapter({ url, random: countingRandom(`adapter ${String(index)}`) }) }))
    chain = new AgreedChain({ sources, alarm: () => undefined })
    keys = world.keypair()
    hot = solanaAddressOf(keys.publicKey.toBytes())
    const signer = simulatedSigner(keys.secretKey.slice(0, 32))
    const assets: readonly AssetId[] = [SOL, solanaToken(token.mint.toBase58())]
    await stores.routes.giveAddress(chain.chain, hot, { to: 'account', account: alice })
    world.makeFinal()
    beginsAt = (await chain.head()).final
    deposits = new DepositFlow({
      chain, ledger: stores.ledger, routes: stores.routes, assets: new Map(assets.map((asset) => [asset, ZERO])), beginsAt, alarm: () => undefined,
    })
    const limits = { payoutMin: amountOf(10n), payoutMax: MUCH, accountDayMax: MUCH, approvalAbove: MUCH, topUpBelow: ZERO }
    payouts = new PayoutFlow({
      chain, signer, ledger: stores.ledger, payouts: stores.payouts, routes: stores.routes, clock: { now: () => 1_000, monotonicMs: () => 1_000, after: never, every: never },
      policy: { assets: new Map(assets.map((asset) => [asset, limits])), denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(10_000_000n), ppm: 0 }, feeFrom: 'account' },
      proofs: { check: async () => 'valid' }, changes: { lastAddedMs: async () => undefined }, alarm: () => undefined,
    })
    await world.send([world.pay(keys.publicKey, FUNDS)])
    await world.send(world.give(token, keys.publicKey, 5_000n))
    await booked()
  })
  afterEach(async () => {
    for (const close of toClose.splice(0)) await close()
  })

  async function booked(): Promise<void> {
    world.makeFinal()
    await deposits.step()
  }
  async function report(): Promise<ReconciliationReport> {
    const assets = new Set([SOL, solanaToken(token.mint.toBase58())])
    const answer = await new ReconcileFlow({ chain, ledger: stores.ledger, payouts: stores.payouts, routes: stores.routes, hot: new Set([hot]), cold: new Set(), assets }).run({ after: beginsAt })
    if (answer.status !== 'done') throw new Error(answer.status)
    return answer.report
  }
  async function ask(name: string, to: PublicKey, asset: AssetId, amount: bigint): Promise<void> {
    const answer = await payouts.request({
      id: payoutIdOf(alice, name), account: alice, asset, amount: amountOf(amount), to: to.toBase58(), requestedBy: alice, proof: new Uint8Array(1),
    })
    expect(answer.status).toBe('created')
  }

  it('agrees before, while and after lamports and tokens go out, with what their accounts cost', async () => {
    expect(await report()).toMatchObject({ drift: false, assets: [{ totals: { matched: 1 }, surplus: 0n }, { totals: { matched: 1 }, surplus: 0n }] })
    const [one, two] = [world.keypair(), world.keypair()]
    await ask('lamports', one.publicKey, SOL, 300_000_000n)
    await ask('tokens', two.publicKey, solanaToken(token.mint.toBase58()), 4_000n)
    const seen = new Set<string>()
    for (let round = 0; round < 10; round++) {
      await payouts.step()
      world.blocks()
      await deposits.step()
      const { drift, assets } = await report()
      expect(drift, `round ${String(round)}`).toBe(false)
      expect(assets.map(({ balanceDifference, surplus }) => [balanceDifference, surplus])).toEqual([[0n, 0n], [0n, 0n]])
      for (const { inFlight, totals } of assets) seen.add(inFlight > 0n ? 'in flight' : totals.landed > 0 ? 'landed' : 'quiet')
    }
    expect([...seen]).toEqual(expect.arrayContaining(['in flight', 'landed']))
    const { assets: [lamports, tokens] } = await report()
    // Two fees, and the account of the token, which its recipient has and we paid for.
    const left = FUNDS - 300_000_000n - 2n * 5_000n - 2_039_280n
    expect(lamports).toMatchObject({ totals: { matched: 3 }, ledger: { pending: 0n, custody: left, users: left }, onChain: { hot: left } })
    expect(tokens).toMatchObject({ totals: { matched: 2 }, ledger: { custody: 1_000n }, onChain: { hot: 1_000n } })
    expect(BigInt(await world.connection.getBalance(one.publicKey))).toBe(300_000_000n)
  })

  it('sees what left behind the back of the ledger: the amount, and the fee of it', async () => {
    await world.send([SystemProgram.transfer({ fromPubkey: keys.publicKey, toPubkey: keys.publicKey, lamports: 1n })], [keys])
    const away = world.transfer(token, keys.publicKey, world.keypair().publicKey, 700n)
    await world.send(away, [world.stranger, keys])
    await booked()
    const found = await report()
    expect(found).toMatchObject({ drift: true, assets: [{ balanceDifference: -5_000n, surplus: -5_000n }, { balanceDifference: -700n, surplus: -700n }] })
    expect(found.lines.map(({ kind, chain: moved }) => [kind, moved])).toEqual(expect.arrayContaining([['unknown', -5_000n], ['unknown', -700n]]))
    expect(found.lines).toHaveLength(2)
  })

  it('is not alarmed by a transaction that failed and moved only the fee of somebody else', async () => {
    await world.send([world.pay(keys.publicKey, 7n), world.transfer(token, keys.publicKey, world.keypair().publicKey, 1_000_000n)[1]!], [world.stranger, keys])
    await booked()
    expect(await report()).toMatchObject({ drift: false, lines: [] })
  })
})

const never = (): never => { throw new Error('no timer is set in a test that steps by itself') }
