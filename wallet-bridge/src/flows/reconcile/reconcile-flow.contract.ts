import { parseAccountId, isEvegramError } from '@evegram/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { AgreedChain } from '../../chain/agreed-chain.js'
import type { SimulatedProfile } from '../../chain/simulated/rules.js'
import { SimulatedWorld } from '../../chain/simulated/simulated-world.contract.js'
import { openingOf } from '../../ledger/account.js'
import { amountOf, ZERO } from '../../ledger/amount.js'
import { parsePurpose, userTransferId, type AssetId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { custodyOf, DepositFlow, depositCursorOf } from '../deposit/deposit-flow.js'
import type { DepositRoutes } from '../deposit/deposit-routes.js'
import { payoutIdOf } from '../payout/payout.js'
import { PayoutFlow } from '../payout/payout-flow.js'
import type { PayoutStore } from '../payout/payout-store.js'
import { recipientOf } from '../payout/payout-world.contract.js'
import { ReconcileFlow, type ReconcileParts, type ReconcileRequest } from './reconcile-flow.js'
import type { AssetReconciliation, ReconciliationReport } from './report.js'

const alice = parseAccountId('a'.repeat(32))

/** Empty stores of one kind. */
export interface ReconcileStores {
  readonly ledger: LedgerStore
  readonly payouts: PayoutStore
  readonly routes: DepositRoutes
  close(): Promise<void>
}

/** Real deposits and payouts on one simulated chain, and the reconciliation of them. */
export class Books {
  readonly routes: DepositRoutes
  readonly payouts: PayoutStore
  readonly ledger: LedgerStore
  readonly chain: AgreedChain
  readonly deposits: DepositFlow
  readonly payoutFlow: PayoutFlow

  private constructor(readonly world: SimulatedWorld, readonly hot: Awaited<ReturnType<SimulatedWorld['wallet']>>, stores: ReconcileStores) {
    this.ledger = stores.ledger
    this.payouts = stores.payouts
    this.routes = stores.routes
    this.chain = new AgreedChain({ sources: world.network.endpoints, alarm: () => undefined })
    const limits = { payoutMin: amountOf(10n), payoutMax: amountOf(10n ** 9n), accountDayMax: amountOf(10n ** 9n), approvalAbove: amountOf(10n ** 9n), topUpBelow: ZERO }
    this.deposits = new DepositFlow({ chain: this.chain, ledger: this.ledger, routes: this.routes, assets: new Map(this.assets.map((asset) => [asset, ZERO])), alarm: () => undefined })
    this.payoutFlow = new PayoutFlow({
      chain: this.chain, signer: hot.signer, ledger: this.ledger, payouts: this.payouts,
      policy: { assets: new Map(this.assets.map((asset) => [asset, { ...limits, taxPpm: 20_000 }])), denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(20_000n), ppm: 0 }, feeFrom: 'account' },
      proofs: { check: async () => 'valid' }, changes: { lastAddedMs: async () => undefined }, routes: this.routes, clock: world.clock, alarm: () => undefined,
    })
  }

  static async open(stores: ReconcileStores, profile: SimulatedProfile): Promise<Books> {
    const world = await SimulatedWorld.open(profile, undefined, { finalityBlocks: 2, validFor: 20 })
    const books = new Books(world, await world.wallet(0n), stores)
    await books.routes.giveAddress(world.rules.chain, books.hot.address, { to: 'account', account: alice })
    for (const asset of books.assets) world.fund(books.hot.address, 1_000_000n, asset)
    await world.makeFinal()
    await books.deposits.step()
    return books
  }

  get native() {
    return this.world.rules.nativeAsset
  }

  get assets(): readonly AssetId[] {
    return [this.native, ...this.world.rules.taxedAssets]
  }

  get parts(): ReconcileParts {
    return {
      chain: this.chain, ledger: this.ledger, payouts: this.payouts, routes: this.routes, hot: new Set([this.hot.address]), cold: new Set(), assets: new Set(this.assets),
    }
  }

  async report(request: ReconcileRequest = {}, parts: Partial<ReconcileParts> = {}): Promise<ReconciliationReport> {
    const answer = await new ReconcileFlow({ ...this.parts, ...parts }).run(request)
    if (answer.status !== 'done') throw new Error(answer.status)
    return answer.report
  }

  async ofNative(request?: ReconcileRequest): Promise<AssetReconciliation> {
    return (await this.report(request)).assets[0]!
  }

  async ask(name: string, amount: bigint, asset = this.native): Promise<void> {
    const asked = await this.payoutFlow.request({
      id: payoutIdOf(alice, name), account: alice, asset, amount: amountOf(amount), to: recipientOf(name), requestedBy: alice, proof: new Uint8Array(1),
    })
    if (asked.status !== 'created') throw new Error(asked.status)
  }

  /** Steps payouts and blocks. */
  async rounds(count: number): Promise<void> {
    for (let round = 0; round < count; round++) {
      await this.payoutFlow.step()
      await this.world.blocks()
    }
  }
}

/** Real deposits and payouts over stores of one kind, and what reconciliation says of them. */
export function describeReconciliation(name: string, setup: () => Promise<ReconcileStores>): void {
  describe(`the reconciliation of real deposits and payouts (${name})`, () => {
    const toClose: ReconcileStores[] = []
    afterEach(async () => {
      for (const stores of toClose.splice(0)) await stores.close()
    })
    async function openBooks(profile: SimulatedProfile = 'ton'): Promise<Books> {
      const stores = await setup()
      toClose.push(stores)
      return Books.open(stores, profile)
    }

    it('agrees before, while and after a payout goes out', async () => {
      const books = await openBooks()
      const seen = new Set<string>()
      await books.ask('one', 300_000n)
      for (let round = 0; round < 12; round++) {
        await books.rounds(1)
        await books.deposits.step()
        const { drift, assets: [native] } = await books.report()
        expect(drift, `round ${String(round)}`).toBe(false)
        expect(native).toMatchObject({ balanceDifference: 0n, surplus: 0n })
        if (native!.inFlight > 0n) seen.add('in flight')
        if (native!.totals.landed > 0) seen.add('landed')
        if (native!.totals.matched === 2) seen.add('paid')
      }
      expect([...seen]).toEqual(expect.arrayContaining(['in flight', 'landed', 'paid']))
      expect(await books.ofNative()).toMatchObject({ inFlight: 0n, ledger: { pending: 0n, custody: 694_000n, users: 694_000n }, onChain: { hot: 694_000n, cold: 0n } })
    })

    it('agrees about a tax that was paid in the asset itself, while it is under way too', async () => {
      const books = await openBooks('terra')
      const [, coin] = books.assets
      await books.ask('one', 300_000n, coin)
      const inFlight = new Set<string>()
      for (let round = 0; round < 12; round++) {
        await books.rounds(1)
        await books.deposits.step()
        const report = await books.report()
        expect(report, `round ${String(round)}`).toMatchObject({ drift: false, lines: [] })
        inFlight.add(report.assets.map((asset) => String(asset.inFlight)).join(' '))
      }
      // The fee, and the amount with the most that its tax may be.
      expect([...inFlight].sort()).toEqual(['0 0', '20000 306000'])
      expect(await books.payouts.get(payoutIdOf(alice, 'one'))).toMatchObject({ state: 'paid', taxMax: 6_000n, outcome: { fee: 5_000n, tax: 1_500n } })
      expect((await books.report()).assets).toMatchObject([
        { asset: books.native, totals: { matched: 2 }, onChain: { hot: 995_000n } }, { asset: coin, totals: { matched: 2 }, ledger: { users: 698_500n, pending: 0n }, onChain: { hot: 698_500n } },
      ])
    })

    it('agrees about a payment that bounced', async () => {
      const books = await openBooks()
      books.world.chain.refuseAt(recipientOf('one'))
      await books.ask('one', 300_000n)
      await books.rounds(12)
      await books.deposits.step()
      expect((await books.payouts.get(payoutIdOf(alice, 'one')))?.state).toBe('failed')
      expect(await books.report()).toMatchObject({ drift: false, assets: [{ totals: { matched: 2 }, onChain: { hot: 994_000n } }] })
    })

    it('agrees at every height of the past', async () => {
      const books = await openBooks()
      await books.ask('one', 300_000n)
      await books.rounds(10)
      books.world.fund(books.hot.address, 7n)
      await books.world.makeFinal()
      await books.deposits.step()
      const { through } = await books.report()
      for (let upTo = 0; upTo <= through; upTo++) expect(await books.report({ upTo }), `height ${String(upTo)}`).toMatchObject({ drift: false, through: upTo })
    })

    it('is not alarmed by deposits that were not booked yet', async () => {
      const books = await openBooks()
      books.world.fund(books.hot.address, 7n)
      await books.world.makeFinal()
      expect(await books.report()).toMatchObject({ drift: false, assets: [{ totals: { matched: 1, missing_on_ledger: 0 } }] })
    })

    it('sees money that left behind the back of the ledger, and that too little is left', async () => {
      const books = await openBooks()
      const txid = books.world.chain.script({ changes: [{ address: books.hot.address, asset: books.native, delta: -40n }] })
      await books.world.makeFinal()
      await books.deposits.step()
      expect(await books.report()).toMatchObject({
        drift: true, lines: [{ kind: 'unknown', subject: txid, chain: -40n, ledger: undefined }], assets: [{ balanceDifference: -40n, surplus: -40n }],
      })
    })

    it('sees custody that moved for no transaction', async () => {
      const books = await openBooks()
      const id = userTransferId(alice, 'odd')
      await books.ledger.submit({
        linked: false,
        transfers: [{ kind: 'transfer', id, debit: openingOf('user', alice, books.native).id, credit: custodyOf(books.native).id, amount: amountOf(5n), purpose: parsePurpose('chat') }],
      })
      expect(await books.report()).toMatchObject({ drift: true, lines: [{ kind: 'unknown', subject: id, ledger: -5n }], assets: [{ balanceDifference: 5n }] })
    })

    it('calls a balance that differs drift, though every transfer is matched', async () => {
      const books = await openBooks()
      for (const { rpc } of books.world.network.endpoints) rpc.faults.balanceError = 3n
      expect(await books.report()).toMatchObject({ drift: true, lines: [], assets: [{ balanceDifference: 3n, totals: { matched: 1 } }] })
    })

    it('says when sources disagree, and compares nothing', async () => {
      const books = await openBooks()
      books.world.network.endpoints[1]!.rpc.faults.balanceError = 3n
      expect(await new ReconcileFlow(books.parts).run()).toMatchObject({ status: 'disagreed', disagreement: { about: 'balance' } })
    })

    it('waits for sources that are behind the ledger', async () => {
      const books = await openBooks()
      await books.ledger.moveCursor(depositCursorOf(books.chain.chain), await books.ledger.cursor(depositCursorOf(books.chain.chain)), 1_000)
      // Also for blocks that they have: what the ledger says of later ones cannot be looked up.
      await expect(new ReconcileFlow(books.parts).run({ upTo: 1 })).rejects.toSatisfy((error) => isEvegramError(error, 'unavailable.chain'))
    })

    it('gives up where nearly all differs, and refuses heights that are none', async () => {
      const books = await openBooks()
      books.world.fund(books.hot.address, 7n)
      await books.world.makeFinal()
      await books.deposits.step()
      expect(await new ReconcileFlow({ ...books.parts, openMax: 0 }).run()).toEqual({ status: 'too_different' })
      await expect(new ReconcileFlow(books.parts).run({ upTo: -1 })).rejects.toSatisfy((error) => isEvegramError(error, 'invalid.argument'))
    })

    it('ends at the next page when it is stopped', async () => {
      const books = await openBooks()
      const stop = new AbortController()
      const events = books.ledger.events.bind(books.ledger)
      let pages = 0
      const ledger: ReconcileParts['ledger'] = {
        cursor: (reader) => books.ledger.cursor(reader), head: () => books.ledger.head(), transfers: (ids) => books.ledger.transfers(ids),
        events: async (after, limit) => {
          pages += 1
          stop.abort()
          return events(after, Math.min(limit, 1))
        },
      }
      expect((await books.ledger.head()).number).toBeGreaterThan(1)
      await expect(books.report({ stop: stop.signal }, { ledger })).rejects.toMatchObject({ code: 'unavailable.server' })
      expect(pages).toBe(1)
    })

    it('changes nothing', async () => {
      const books = await openBooks()
      const { number } = await books.ledger.head()
      await books.report()
      expect((await books.ledger.head()).number).toBe(number)
    })
  })
}
