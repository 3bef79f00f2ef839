import { parseAccountId } from '@evegram/protocol'
import { expect } from 'vitest'
import { AgreedChain, type Disagreement } from '../../chain/agreed-chain.js'
import type { ChainAddress } from '../../chain/chain-adapter.js'
import { SimulatedWorld, somebody } from '../../chain/simulated/simulated-world.contract.js'
import type { SimulatedProfile } from '../../chain/simulated/rules.js'
import type { Signer } from '../../chain/signer.js'
import { openingOf } from '../../ledger/account.js'
import { amountOf } from '../../ledger/amount.js'
import { depositTransferId, parsePurpose, type AssetId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { custodyOf } from '../deposit/deposit-flow.js'
import { MemoryRoutes } from '../deposit/memory-routes.js'
import { MemoryPayoutStore } from './memory-payout-store.js'
import { payoutIdOf, type Payout, type PayoutId } from './payout.js'
import { PayoutFlow } from './payout-flow.js'
import type { PayoutAlarm, PayoutAnswer, PayoutAsk, PayoutFlowParts } from './payout-flow-parts.js'
import { PAYOUT_STATES } from './payout-states.js'
import type { PayoutStore } from './payout-store.js'

export const alice = parseAccountId('a'.repeat(32))
export const FUNDED = 10_000_000n

/** A simulated chain, a ledger that agrees with it, and payouts over both. */
export class PayoutWorld {
  readonly alarms: PayoutAlarm[] = []
  readonly disagreements: Disagreement[] = []
  readonly routes = new MemoryRoutes()
  /** Taken from the hot wallet behind the back of the ledger. */
  drained = 0n
  lastAddedMs: number | undefined

  private constructor(
    readonly world: SimulatedWorld, readonly hot: { readonly signer: Signer; readonly address: ChainAddress },
    readonly ledger: LedgerStore, readonly payouts: PayoutStore,
  ) {}

  /** Short times, so that a run through everything is short. */
  static async open(profile: SimulatedProfile, stored?: PayoutStore, books?: LedgerStore): Promise<PayoutWorld> {
    const world = await SimulatedWorld.open(profile, undefined, { finalityBlocks: 2, validFor: profile === 'ton' ? 20 : 8 })
    const hot = await world.wallet(FUNDED * 2n)
    const memory = new MemoryLedger({ clock: world.clock, ledger: '00'.repeat(16) })
    const ledger = books ?? memory.connect()
    const self = new PayoutWorld(world, hot, ledger, stored ?? new MemoryPayoutStore(memory))
    const purpose = parsePurpose('deposit')
    for (const [place, asset] of self.assets.entries()) {
      if (asset !== self.native) world.fund(hot.address, FUNDED * 2n, asset)
      const [user, equity, custody] = [openingOf('user', alice, asset), openingOf('equity', 'house', asset), custodyOf(asset)]
      await ledger.openAccounts([user, equity, custody])
      await ledger.submit({
        linked: false,
        transfers: [user, equity].map(({ id }, index) => (
          { kind: 'transfer', id: depositTransferId('simulated', 'first', 2 * place + index), debit: custody.id, credit: id, amount: amountOf(FUNDED), purpose })),
      })
    }
    await world.makeFinal()
    return self
  }

  get native(): AssetId {
    return this.world.rules.nativeAsset
  }

  /** What is paid out: on some profiles also something that is taxed in itself. */
  get assets(): readonly AssetId[] {
    return [this.native, ...this.world.rules.taxedAssets]
  }

  /** A fresh process. */
  flow(parts: Partial<PayoutFlowParts> = {}): PayoutFlow {
    const chain = new AgreedChain({ sources: this.world.network.endpoints, alarm: (disagreement) => this.disagreements.push(disagreement) })
    const limits = { payoutMin: amountOf(10n), payoutMax: amountOf(FUNDED), accountDayMax: amountOf(FUNDED), approvalAbove: amountOf(FUNDED), topUpBelow: amountOf(0n) }
    return new PayoutFlow({
      chain, signer: this.hot.signer, ledger: this.ledger, payouts: this.payouts,
      policy: {
        assets: new Map(this.assets.map((asset) => [asset, { ...limits, taxPpm: 20_000 }])), denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(20_000n), ppm: 20_000 }, feeFrom: 'account',
      },
      proofs: { check: async (claim, proof) => claim.amount > 0n && proof.length === 1 ? 'valid' : 'invalid' },
      changes: { lastAddedMs: async () => this.lastAddedMs },
      routes: this.routes,
      clock: this.world.clock, alarm: (alarm) => this.alarms.push(alarm), ...parts,
    })
  }

  ask(name: string, amount: bigint, changes: Partial<PayoutAsk> = {}): PayoutAsk {
    return {
      id: payoutIdOf(alice, name), account: alice, asset: this.native, amount: amountOf(amount), to: recipientOf(name), requestedBy: alice, proof: new Uint8Array(1), ...changes,
    }
  }

  async asked(name: string, amount: bigint, flow = this.flow()): Promise<PayoutId> {
    const answer: PayoutAnswer = await flow.request(this.ask(name, amount))
    if (answer.status !== 'created' && answer.status !== 'exists') throw new Error(JSON.stringify(answer))
    return answer.payout.id
  }

  all(): Promise<readonly Payout[]> {
    return this.payouts.list({ chain: this.world.rules.chain, states: PAYOUT_STATES.map(([state]) => state), after: 0, limit: 256 })
  }

  async state(name: string): Promise<string | undefined> {
    return (await this.payouts.get(payoutIdOf(alice, name)))?.state
  }

  /** Steps and blocks until nothing is left to do by itself. */
  async run(flow: PayoutFlow, rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const progress = await flow.step()
      if (progress.every(({ wait }) => wait === undefined)) return
      await this.world.blocks()
    }
  }

  /** All promises about money, at the end: what is paid arrived once, what is not never, books and chain are equal, nothing is reserved without a person knowing. */
  async audit(): Promise<void> {
    await this.world.makeFinal()
    let attended = 0
    for (const payout of await this.all()) {
      const arrived = this.world.held(payout.to, payout.asset)
      if (payout.state === 'paid') expect(arrived, 'arrived of a paid payout').toBe(payout.amount)
      else if (payout.state === 'needs_operator') {
        attended++
        expect(arrived <= payout.amount, 'arrived at most once').toBe(true)
      } else {
        expect(['failed', 'refused'], 'end of a payout').toContain(payout.state)
        expect(arrived, 'arrived of a payout that was not paid').toBe(0n)
      }
    }
    const { accounts } = await this.ledger.accountsAfter(undefined, 1_024)
    const sum = (of: (account: (typeof accounts)[number]) => bigint): bigint => accounts.reduce((total, account) => total + of(account), 0n)
    expect(sum(({ debitsPosted, creditsPosted }) => debitsPosted - creditsPosted), 'sum of all postings').toBe(0n)
    if (attended > 0) return
    expect(sum(({ debitsPending, creditsPending }) => debitsPending + creditsPending), 'reserved at the end').toBe(0n)
    for (const asset of this.assets) {
      const custody = accounts.find(({ id }) => id === custodyOf(asset).id)
      const drained = asset === this.native ? this.drained : 0n
      expect((custody?.debitsPosted ?? 0n) - (custody?.creditsPosted ?? 0n) - drained, `custody of ${asset} in the books and on the chain`).toBe(this.world.held(this.hot.address, asset))
    }
  }
}

export function recipientOf(name: string): ChainAddress {
  return somebody(`recipient ${name}`)
}
