import { internal, type Address } from '@ton/core'
import { ManualClock } from '@evegram/platform'
import { parseAccountId, utf8 } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newDepositCode } from '../../flows/deposit/deposit-code.js'
import { DepositFlow } from '../../flows/deposit/deposit-flow.js'
import { MemoryRoutes } from '../../flows/deposit/memory-routes.js'
import { amountOf } from '../../ledger/amount.js'
import { ledgerAccountIdOf, type AssetId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { AgreedChain } from '../agreed-chain.js'
import { simulatedSigner } from '../simulated/signer.js'
import { countingRandom } from '../simulated/simulated-world.contract.js'
import { tonAddressOf, TONCOIN, tonJetton } from './address.js'
import { TON, TonChainAdapter } from './index.js'
import { highloadWallet } from './highload-wallet.js'
import { writeComment } from './text-comment.js'
import { TonWorld } from './ton-world.contract.js'

// A virtual machine executes every message: slow on a machine that has other work.
vi.setConfig({ testTimeout: 90_000 })

const alice = parseAccountId('a'.repeat(32))

/** The cases of the deposit corpus that only TON can express: what is booked, from the chain to the ledger, through two endpoints. */
describe('deposits from TON', () => {
  let world: TonWorld
  let ledger: LedgerStore
  let flow: DepositFlow
  let shared: Address
  let hot: { readonly account: Address; readonly adapter: TonChainAdapter; readonly signer: ReturnType<typeof simulatedSigner> }
  let jetton: AssetId
  let code: string
  let close: () => Promise<void>
  beforeEach(async () => {
    world = await TonWorld.open()
    const second = await world.server.another()
    close = () => second.close()
    const master = tonAddressOf(world.jetton)
    jetton = tonJetton(master)
    const sources = [world.server.url, second.url].map((url) => ({ name: url, adapter: new TonChainAdapter({ url, random: countingRandom(url), jettons: [master] }) }))
    ledger = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) }).connect()
    const routes = new MemoryRoutes()
    const [sharedSigner, signer] = [simulatedSigner(world.seed()), simulatedSigner(world.seed())]
    shared = highloadWallet(sharedSigner.publicKey).address
    hot = { account: highloadWallet(signer.publicKey).address, adapter: new TonChainAdapter({ url: world.server.url, random: countingRandom('hot') }), signer }
    await routes.giveAddress(TON, tonAddressOf(shared), { to: 'memo' })
    await routes.giveAddress(TON, tonAddressOf(hot.account), { to: 'nobody' })
    const depositCode = newDepositCode(countingRandom('codes'))
    await routes.giveCode(depositCode, alice)
    code = depositCode
    flow = new DepositFlow({
      chain: new AgreedChain({ sources, alarm: () => undefined }), ledger, routes,
      assets: new Map([[TONCOIN, amountOf(1_000_000n)], [jetton, amountOf(1n)]]), alarm: () => undefined,
    })
  })
  afterEach(async () => {
    await close()
    await world.close()
  })

  /** Books all that is final. */
  async function booked(): Promise<{ readonly ton: bigint; readonly jettons: bigint; readonly outcomes: readonly string[] }> {
    await world.makeFinal()
    const outcomes: string[] = []
    for (let steps = 0; steps < 5; steps++) {
      const step = await flow.step()
      if (step.status !== 'done') throw new Error(step.status)
      outcomes.push(...step.outcomes.map((outcome) => 'reason' in outcome ? outcome.reason : outcome.status))
    }
    const held = async (asset: AssetId): Promise<bigint> => (await ledger.accounts([ledgerAccountIdOf('user', alice, asset)]))[0]?.creditsPosted ?? 0n
    return { ton: await held(TONCOIN), jettons: await held(jetton), outcomes }
  }

  it('credit TON and jettons that come with the code of a person', async () => {
    await world.send([world.pay(shared, 5_000_000n, code)])
    await world.chain.faucet.giveJetton({ to: shared, amount: 70n, text: code })
    expect(await booked()).toEqual({ ton: 5_000_000n, jettons: 70n, outcomes: ['credited', 'credited'] })
  })

  it('credit nothing for a notification without money behind it, and keep the TON that it carried for people to look at', async () => {
    await world.send([world.notification(shared, 1_000_000n, world.stranger.wallet.address, code)])
    expect(await booked()).toEqual({ ton: 0n, jettons: 0n, outcomes: ['memo_missing'] })
  })

  it('credit nothing for jettons of a wallet that only looks like one of the jetton', async () => {
    await world.send([world.transferJetton(await world.lookAlike(), shared, 1_000_000n, { text: code, forward: 10_000_000n })])
    await world.send([world.transferJetton(await world.lookAlike(await world.otherJetton()), shared, 1_000_000n, { text: code, forward: 10_000_000n })])
    expect(await booked()).toMatchObject({ ton: 0n, jettons: 0n })
  })

  it('credit nothing for what bounced: neither at the shared address, nor what comes back to a wallet of ours', async () => {
    await world.send([internal({ to: shared, value: 1_000_000_000n, bounce: true, body: writeComment(utf8(code)) })])
    await world.chain.faucet.give(hot.account, 10_000_000_000n)
    await world.chain.faucet.giveJetton({ to: hot.account, amount: 10n })
    await world.makeFinal()
    // Each alone could be paid: the second order comes back from the jetton wallet, with what it did not burn.
    const payments = [8n, 7n].map((amount) => hot.adapter.sign({
      outputs: [{ to: tonAddressOf(world.stranger.wallet.address), asset: jetton, amount: amountOf(amount) }], memo: utf8(code), feeMax: amountOf(200_000_000n), inFlight: [],
    }, hot.signer))
    for (const signed of await Promise.all(payments)) {
      if (signed.status !== 'signed') throw new Error(signed.status)
      await hot.adapter.broadcast(signed.payment)
    }
    const { ton, jettons, outcomes } = await booked()
    expect({ ton, jettons }).toEqual({ ton: 0n, jettons: 0n })
    expect([...outcomes].sort()).toEqual(['no_route', 'no_route', 'outgoing', 'outgoing', 'outgoing', 'returned', 'returned'])
  })
})
