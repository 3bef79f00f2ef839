import { ManualClock } from '@evegram/platform'
import { parseAccountId, utf8, type AccountId } from '@evegram/protocol'
import { AgreedChain } from '../../chain/agreed-chain.js'
import { parseChainTxid, type ChainAddress, type ChainTxid } from '../../chain/chain-adapter.js'
import { SimulatedChainAdapter } from '../../chain/simulated/adapter.js'
import { simulatedAddressOf } from '../../chain/simulated/address.js'
import { SimulatedChain } from '../../chain/simulated/chain.js'
import { SimulatedRpc } from '../../chain/simulated/rpc.js'
import { simulatedRules } from '../../chain/simulated/rules.js'
import { MemoryStorage } from '../../chain/simulated/storage.js'
import { custodyOf, depositCursorOf } from '../../flows/deposit/deposit-flow.js'
import { newPayout, payoutIdOf, type Payout, type PayoutId, type PayoutOutcome, type PayoutTerms } from '../../flows/payout/payout.js'
import { isOneOf } from '../../flows/payout/payout-states.js'
import { reservationOf, settlementOf } from '../../flows/payout/payout-transfers.js'
import type { ReconcileParts } from '../../flows/reconcile/reconcile-flow.js'
import type { DifferenceKind } from '../../flows/reconcile/transfer-comparison.js'
import { openingOf } from '../../ledger/account.js'
import { amountOf, ZERO } from '../../ledger/amount.js'
import { assetIdOf, depositTransferId, parsePurpose, userTransferId, type AssetId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import { isDone } from '../../ledger/transfer-status.js'
import type { TransferRequest } from '../../ledger/transfer.js'
import type { Draw } from './draw.js'

/** What goes wrong on purpose, and how a reconciliation must call it. */
export const PLANTED_FAULTS = [
  ['a deposit that was not booked', 'missing_on_ledger'],
  ['a deposit that nobody made', 'missing_on_chain'],
  ['a deposit booked with another amount', 'amount_differs'],
  ['a deposit booked a second time under another index', 'missing_on_chain'],
  ['two deposits of one transaction with their amounts exchanged', 'amount_differs'],
  ['a payout that is called paid and was not booked', 'missing_on_ledger'],
  ['a payout that took more than was booked', 'amount_differs'],
  ['a payout that was booked and is in no block', 'missing_on_chain'],
  ['a payout that landed a second time, under a signature that was called expired', 'missing_on_ledger'],
  ['a payout that was booked and that nobody asked for', 'unknown'],
  ['money that left without a payout', 'unknown'],
  ['a transfer of a user over custody', 'unknown'],
] as const satisfies readonly (readonly [string, DifferenceKind])[]

/** What must be found, in the words of a line. */
export interface Expected {
  readonly lines: ReadonlySet<string>
  /** What the chain holds beyond the ledger. */
  readonly balance: ReadonlyMap<AssetId, bigint>
  /** How many of each of {@link PLANTED_FAULTS}. */
  readonly planted: readonly number[]
  /** How many of them the ledger told before a pause and the compared blocks behind it. */
  readonly acrossPauses: number
}

/** A difference in words, to compare sets of them. */
export function wordsOf({ kind, asset, subject }: { readonly kind: DifferenceKind; readonly asset: AssetId; readonly subject: string }): string {
  return `${kind} ${asset} ${subject}`
}

const USERS = 40
const DEPOSIT_ADDRESSES = 50
/** Items of one block. */
const BLOCK_ITEMS = 400
/** Newest blocks of a pause, whose deposits are booked and not compared yet. The very newest may be empty. */
const AHEAD_BLOCKS = 2
/** Transfers of one submission. */
const BATCH = 1_000
const FEE = 5_000n
const FEE_MAX = 20_000n
const RICH = 10n ** 15n
const DEPOSIT = parsePurpose('deposit')
const CHAT = parsePurpose('chat')

/** Reads of payouts of a history: in memory, found by number and by id at once. */
class PlantedPayouts implements Pick<ReconcileParts['payouts'], 'get' | 'list'> {
  readonly #byId = new Map<PayoutId, Payout>()
  readonly #all: Payout[] = []

  get next(): number {
    return this.#all.length + 1
  }

  add(payout: Payout): void {
    this.#all.push(payout)
    this.#byId.set(payout.id, payout)
  }

  /** It ended well. */
  setPaid(id: PayoutId): void {
    const before = this.#byId.get(id)
    if (before === undefined) throw new Error('no such payout')
    const paid: Payout = { ...before, state: 'paid' }
    this.#byId.set(id, paid)
    this.#all[before.number - 1] = paid
  }

  get: ReconcileParts['payouts']['get'] = async (id) => this.#byId.get(id)

  list: ReconcileParts['payouts']['list'] = async ({ states, after, limit }) => {
    const page: Payout[] = []
    for (let index = after; index < this.#all.length && page.length < limit; index++) {
      const payout = this.#all[index]
      if (payout !== undefined && isOneOf(payout.state, states)) page.push(payout)
    }
    return page
  }
}

/** Makes a history of one chain and its books, in which all is right but what was planted. */
export class PlantedHistory {
  readonly #draw: Draw
  readonly #rules = simulatedRules('ton')
  readonly #clock: ManualClock
  readonly #chain: SimulatedChain
  readonly #ledger: LedgerStore
  readonly #payouts = new PlantedPayouts()
  readonly #users = Array.from({ length: USERS }, (_, index): AccountId => parseAccountId(index.toString(16).padStart(32, '0')))
  readonly #hot = simulatedAddressOf(utf8('hot'))
  readonly #cold = simulatedAddressOf(utf8('cold'))
  readonly #addresses = Array.from({ length: DEPOSIT_ADDRESSES }, (_, index) => simulatedAddressOf(utf8(`deposits ${String(index)}`)))
  readonly #assets: readonly AssetId[]
  #requests: TransferRequest[] = []
  readonly #lines = new Set<string>()
  readonly #balance = new Map<AssetId, bigint>()
  readonly #planted = PLANTED_FAULTS.map(() => 0)
  #made = 0
  #item = 0
  #wrongItems: ReadonlyMap<number, number> = new Map()
  /** Blocks of planted faults. */
  readonly #faultHeights: number[] = []
  #acrossPauses = 0
  /** Payouts that are on the chain and that the ledger was not told of. */
  #landed: { readonly terms: PayoutTerms; readonly outcome: PayoutOutcome }[] = []
  /** Payouts of which the ledger is told with the next block. */
  readonly #settling: PayoutId[] = []
  /** What reconciles it, at any time. */
  readonly parts: ReconcileParts

  private constructor(draw: Draw, chain: SimulatedChain, clock: ManualClock) {
    this.#draw = draw
    this.#clock = clock
    this.#chain = chain
    this.#ledger = new MemoryLedger({ clock, ledger: '00'.repeat(16) }).connect()
    this.#assets = [this.#rules.nativeAsset, assetIdOf(this.#rules.chain, 'token')]
    const random = { bytes: (): never => { throw new Error('nothing is signed here') } }
    const sources = ['one', 'two'].map((name) => ({ name, adapter: new SimulatedChainAdapter({ rpc: new SimulatedRpc(chain), rules: this.#rules, random }) }))
    this.parts = {
      chain: new AgreedChain({ sources, alarm: ({ subject }) => { throw new Error(`honest sources disagree on ${subject}`) } }),
      ledger: this.#ledger, payouts: this.#payouts, routes: { addresses: async () => new Set(this.#addresses) },
      hot: new Set([this.#hot]), cold: new Set([this.#cold]), assets: new Set(this.#assets),
    }
  }

  /** A history of `transfers` items, of which `faults` are wrong. The same draws make the same history. */
  static async make(transfers: number, faults: number, draw: Draw): Promise<{ readonly parts: ReconcileParts; readonly expected: Expected }> {
    const history = await PlantedHistory.open(transfers, faults, draw)
    await history.goOn(transfers)
    await history.end()
    return history
  }

  /** The beginning of the same history: {@link goOn}, and {@link pause} in between as often as wanted, then {@link end}. */
  static async open(transfers: number, faults: number, draw: Draw): Promise<PlantedHistory> {
    const clock = new ManualClock()
    const chain = await SimulatedChain.open({ rules: simulatedRules('ton'), clock, storage: new MemoryStorage(), historyTransactionsMax: transfers + 10_000 })
    const history = new PlantedHistory(draw, chain, clock)
    await history.#begin()
    history.#wrongItems = draw.places(faults, transfers)
    return history
  }

  /** What must be found by now. */
  get expected(): Expected {
    return { lines: this.#lines, balance: this.#balance, planted: this.#planted, acrossPauses: this.#acrossPauses }
  }

  /** Makes the next items. */
  async goOn(items: number): Promise<void> {
    for (const end = this.#item + items; this.#item < end; this.#item++) {
      const place = this.#wrongItems.get(this.#item)
      if (place === undefined) this.#right()
      else this.#wrong(place % PLANTED_FAULTS.length)
      if (this.#item % BLOCK_ITEMS === BLOCK_ITEMS - 1) await this.#block()
    }
  }

  /**
   * Makes everything final, so that it can be compared. Deposits of the newest blocks are booked already, and not among the compared ones; half of the payouts that are on
   * the chain alone are booked when the history goes on: both sides of all these are told in different comparisons.
   */
  async pause(): Promise<void> {
    await this.#block()
    const through = this.#chain.head.latest - AHEAD_BLOCKS
    await this.#makeFinal(through)
    this.#acrossPauses += this.#faultHeights.filter((height) => height > through).length
    const booked = this.#landed.splice(0, Math.ceil(this.#landed.length / 2))
    this.#landed = []
    for (const { terms, outcome } of booked) {
      this.#requests.push(...settlementOf(terms, outcome).transfers)
      this.#settling.push(terms.id)
    }
  }

  async #begin(): Promise<void> {
    const accounts = this.#assets.flatMap((asset) => [custodyOf(asset), openingOf('equity', 'house', asset), ...this.#users.map((user) => openingOf('user', user, asset))])
    for (let from = 0; from < accounts.length; from += BATCH) await this.#ledger.openAccounts(accounts.slice(from, from + BATCH))
    for (const asset of this.#assets) for (const user of this.#users) this.#deposit(asset, user, RICH, this.#hot)
    await this.#block()
  }

  /** Something that both sides tell alike. */
  #right(): void {
    const kind = this.#draw.below(100)
    const [asset, user] = [this.#asset(), this.#user()]
    if (kind < 45) this.#deposit(asset, user, this.#amount(), this.#address())
    else if (kind < 75) this.#payout({ asset, user, chain: 'paid', books: 'paid', state: 'paid' })
    else if (kind < 80) this.#payout({ asset, user, chain: 'fee', books: 'fee', state: 'failed' })
    else if (kind < 82) this.#payout({ asset, user, chain: 'paid', books: 'reserved', state: 'broadcast' })
    else if (kind < 84) this.#payout({ asset, user, chain: 'nothing', books: 'reserved', state: 'signed' })
    else if (kind < 87) this.#sweep(asset)
    else this.#chat(asset, user)
  }

  #wrong(fault: number): void {
    const [asset, user] = [this.#asset(), this.#user()]
    const native = this.#rules.nativeAsset
    this.#planted[fault] = (this.#planted[fault] ?? 0) + 1
    this.#faultHeights.push(this.#chain.head.latest + 1)
    const expect = (of: AssetId, subject: string, chainBeyondLedger: bigint): void => {
      this.#lines.add(wordsOf({ kind: PLANTED_FAULTS[fault]?.[1] ?? 'unknown', asset: of, subject }))
      this.#balance.set(of, (this.#balance.get(of) ?? 0n) + chainBeyondLedger)
    }
    const amount = this.#amount()
    switch (fault) {
      case 0: {
        expect(asset, `${this.#arrive([[this.#address(), asset, amount]])}:0`, amount)
        return
      }
      case 1: {
        const txid = parseChainTxid(`nobody-${String(this.#made++)}`)
        this.#book(asset, user, txid, 3, amount)
        expect(asset, `${txid}:3`, -amount)
        return
      }
      case 2: {
        const txid = this.#arrive([[this.#address(), asset, amount]])
        this.#book(asset, user, txid, 0, amount + 1n)
        expect(asset, `${txid}:0`, -1n)
        return
      }
      case 3: {
        const txid = this.#deposit(asset, user, amount, this.#address())
        this.#book(asset, user, txid, 7, amount)
        expect(asset, `${txid}:7`, -amount)
        return
      }
      case 4: {
        const txid = this.#arrive([[this.#address(), asset, amount], [this.#address(), asset, amount + 9n]])
        this.#book(asset, user, txid, 0, amount + 9n)
        this.#book(asset, user, txid, 1, amount)
        expect(asset, `${txid}:0`, -9n)
        expect(asset, `${txid}:1`, 9n)
        return
      }
      case 5: {
        const payout = this.#payout({ asset, user, chain: 'paid', books: 'reserved', state: 'paid' })
        if (asset === native) return expect(native, payout.txid, -(payout.amount + FEE))
        expect(asset, payout.txid, -payout.amount)
        return expect(native, payout.txid, -FEE)
      }
      case 6: {
        const { txid } = this.#payout({ asset, user, chain: 'more', books: 'paid', state: 'paid' })
        return expect(asset, txid, -1n)
      }
      case 7: {
        const payout = this.#payout({ asset: native, user, chain: 'nothing', books: 'paid', state: 'paid' })
        return expect(native, payout.txid, payout.amount + FEE)
      }
      case 8: {
        const again = this.#leave(native, amount + FEE)
        this.#payout({ asset: native, user, chain: 'paid', books: 'paid', state: 'paid', expired: again })
        return expect(native, again, -(amount + FEE))
      }
      case 9: {
        const { id, amount: booked } = this.#payout({ asset, user, chain: 'nothing', books: 'paid', state: 'forgotten' })
        expect(asset, `p:${id}:post`, booked)
        return expect(native, `p:${id}:feepost`, FEE)
      }
      case 10:
        return expect(asset, this.#leave(asset, amount), -amount)
      default: {
        const id = userTransferId(user, `odd-${String(this.#made++)}`)
        this.#requests.push({ kind: 'transfer', id, debit: openingOf('user', user, asset).id, credit: custodyOf(asset).id, amount: amountOf(amount), purpose: CHAT })
        return expect(asset, id, amount)
      }
    }
  }

  #deposit(asset: AssetId, user: AccountId, amount: bigint, to: ChainAddress): ChainTxid {
    const txid = this.#arrive([[to, asset, amount]])
    this.#book(asset, user, txid, 0, amount)
    return txid
  }

  #arrive(changes: readonly (readonly [ChainAddress, AssetId, bigint])[]): ChainTxid {
    return this.#chain.script({ changes: changes.map(([address, asset, delta]) => ({ address, asset, delta })) })
  }

  #leave(asset: AssetId, amount: bigint): ChainTxid {
    return this.#chain.script({ from: this.#hot, changes: [{ address: this.#hot, asset, delta: -amount }] })
  }

  #book(asset: AssetId, user: AccountId, txid: ChainTxid, index: number, amount: bigint): void {
    this.#requests.push({
      kind: 'transfer', id: depositTransferId(this.#rules.chain, txid, index), debit: custodyOf(asset).id, credit: openingOf('user', user, asset).id,
      amount: amountOf(amount), purpose: DEPOSIT,
    })
  }

  #payout(how: {
    readonly asset: AssetId; readonly user: AccountId; readonly chain: 'paid' | 'more' | 'fee' | 'nothing'; readonly books: 'paid' | 'fee' | 'reserved'
    readonly state: 'paid' | 'failed' | 'broadcast' | 'signed' | 'forgotten'; readonly expired?: ChainTxid
  }): { readonly id: PayoutId; readonly txid: ChainTxid; readonly amount: bigint } {
    const { asset, user, chain, books, state } = how
    const native = this.#rules.nativeAsset
    const [amount, feeMax] = [amountOf(this.#amount()), amountOf(FEE_MAX)]
    const id = payoutIdOf(user, `payout-${String(this.#made++)}`)
    const moved = { paid: amount, more: amount + 1n, fee: 0n, nothing: 0n }[chain]
    const changes = asset === native ? [{ address: this.#hot, asset, delta: -(moved + FEE) }]
      : [{ address: this.#hot, asset, delta: 0n - moved }, { address: this.#hot, asset: native, delta: -FEE }].filter(({ delta }) => delta !== 0n)
    const txid = chain === 'nothing' ? parseChainTxid(`unsent-${String(this.#made)}`) : this.#chain.script({ from: this.#hot, fee: FEE, changes })
    const terms: PayoutTerms = {
      id, chain: this.#rules.chain, account: user, asset, amount, to: simulatedAddressOf(utf8('somebody')), memo: undefined, feeMax, taxMax: ZERO, feeFrom: 'account', requestedBy: user,
    }
    const outcome: PayoutOutcome = books === 'fee' ? { status: 'failed', fee: amountOf(FEE), tax: ZERO, reason: 'transaction_failed' } : { status: 'paid', fee: amountOf(FEE), tax: ZERO }
    this.#requests.push(...reservationOf(terms, native).transfers, ...(books === 'reserved' ? [] : settlementOf(terms, outcome).transfers))
    if (state !== 'forgotten') {
      const payment = {
        chain: this.#rules.chain, txid, from: this.#hot, outputs: [{ to: terms.to, asset, amount }], feeMax, signedAt: 0,
        expiry: { by: 'height', lastHeight: 0 }, bytes: new Uint8Array(),
      } as const
      this.#payouts.add({ ...newPayout(terms, this.#payouts.next, 0), state, payment, expired: how.expired === undefined ? [] : [how.expired] })
    }
    if (state === 'broadcast') this.#landed.push({ terms, outcome })
    return { id, txid, amount }
  }

  /** From one address of ours to another, paid for by somebody else. */
  #sweep(asset: AssetId): void {
    const amount = this.#amount()
    this.#chain.script({ changes: [{ address: this.#hot, asset, delta: -amount }, { address: this.#cold, asset, delta: amount }] })
  }

  #chat(asset: AssetId, user: AccountId): void {
    const other = this.#users[(this.#users.indexOf(user) + 1) % USERS] ?? user
    this.#requests.push({
      kind: 'transfer', id: userTransferId(user, `chat-${String(this.#made++)}`), debit: openingOf('user', user, asset).id, credit: openingOf('user', other, asset).id,
      amount: amountOf(this.#amount()), purpose: CHAT,
    })
  }

  async #block(): Promise<void> {
    this.#clock.advance(this.#rules.blockMs)
    await this.#chain.produceBlock()
    for (let from = 0; from < this.#requests.length; from += BATCH) {
      const results = await this.#ledger.submit({ linked: false, transfers: this.#requests.slice(from, from + BATCH) })
      const refused = results.find((result) => !isDone(result))
      if (refused !== undefined) throw new Error(`the ledger refused a part of the history: ${refused.status}`)
    }
    this.#requests = []
    for (const id of this.#settling.splice(0)) this.#payouts.setPaid(id)
  }

  /** Makes everything final; some deposits behind the cursor are booked already. */
  async end(): Promise<void> {
    await this.#block()
    const through = this.#chain.head.latest
    for (let item = 0; item < BLOCK_ITEMS; item++) this.#deposit(this.#asset(), this.#user(), this.#amount(), this.#address())
    await this.#makeFinal(through)
  }

  /** Blocks until all is final; deposits count as booked through `through`. */
  async #makeFinal(through: number): Promise<void> {
    for (let block = 0; block <= this.#rules.finalityBlocks + 1; block++) await this.#block()
    const cursor = depositCursorOf(this.#rules.chain)
    if (!await this.#ledger.moveCursor(cursor, await this.#ledger.cursor(cursor), through)) throw new Error('somebody else moved the cursor')
  }

  #asset(): AssetId {
    return this.#draw.of(this.#draw.below(4) === 0 ? this.#assets : this.#assets.slice(0, 1))
  }

  #user(): AccountId {
    return this.#draw.of(this.#users)
  }

  #address(): ChainAddress {
    return this.#draw.of(this.#addresses)
  }

  #amount(): bigint {
    return BigInt(1_000 + this.#draw.below(1_000_000))
  }
}
