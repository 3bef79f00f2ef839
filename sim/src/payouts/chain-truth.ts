import type { AccountId } from '@evegram/protocol'
import {
  openingOf, type AssetId, type ChainAddress, type ChainTxid, type LedgerAccountId, type SimulatedChain, type SimulatedRecord, type SimulatedRules,
} from '@evegram/wallet-bridge'

/** What a payout came to, as the chain itself says. */
export type PayoutTruth =
  | { readonly status: 'nothing' }
  | { readonly status: 'received'; readonly amount: bigint; readonly fee: bigint; readonly tax: bigint; readonly isFinal: boolean }
  | { readonly status: 'failed'; readonly reason: 'transaction_failed' | 'not_sent' | 'bounced'; readonly fee: bigint; readonly tax: bigint; readonly isFinal: boolean }

/** Where what comes in belongs. */
export interface Places {
  readonly hot: ChainAddress
  /** Addresses of one account. */
  readonly accounts: ReadonlyMap<ChainAddress, AccountId>
  /** The address where the memo says whose it is. */
  readonly shared: ChainAddress
  /** Accounts by the memo that leads to them. */
  readonly codes: ReadonlyMap<string, AccountId>
  /** Below it an amount is dust. */
  readonly depositMin: bigint
}

/** Something that the ledger must hold, and nothing else of deposits: as many units, on that account. */
export interface ExpectedCredit {
  readonly account: LedgerAccountId
  readonly amount: bigint
}

const WHERE = new TextDecoder()

/**
 * What is so, read from the chain itself: from the blocks that the honest nodes agree on, past every source and adapter. Payments are found by their memo,
 * which is the name of the payout. The rules of deposits are stated anew here, in the words of docs/wally.md.
 */
export class ChainTruth {
  readonly #chain: SimulatedChain
  readonly #places: Places

  constructor(chain: SimulatedChain, places: Places) {
    this.#chain = chain
    this.#places = places
  }

  /** The payments with this memo that are in blocks now. */
  paymentsOf(name: string): readonly { readonly height: number; readonly record: SimulatedRecord }[] {
    return this.#chain.records(0, this.#chain.head.latest)
      .filter(({ record }) => record.from === this.#places.hot && record.outputs.length > 0 && memoOf(record) === name)
  }

  /** What became of a payout. */
  of(name: string): PayoutTruth {
    const [payment] = this.paymentsOf(name)
    if (payment === undefined) return { status: 'nothing' }
    const { height, record } = payment
    const [output] = record.outputs
    const { fee } = record
    const tax = this.#taxOf(record)
    const isFinal = height <= this.#chain.head.final
    if (output === undefined || typeof output === 'string') return { status: 'failed', reason: output ?? 'not_sent', fee, tax, isFinal }
    return { status: 'received', amount: output.received, fee, tax, isFinal }
  }

  /** What change `index` of a transaction has to be credited to, once it is final; undefined: to nobody. */
  creditOf(txid: ChainTxid, index: number): ExpectedCredit | undefined {
    const found = this.#chain.find(txid)
    return found === undefined || found.height > this.#chain.head.final ? undefined : this.#expected(found.record, index)
  }

  /** All that has to be credited by now, by transaction and index. */
  credits(after: number): ReadonlyMap<string, ExpectedCredit> {
    const credits = new Map<string, ExpectedCredit>()
    for (const { record } of this.#chain.records(after, this.#chain.head.final)) {
      for (const index of record.changes.keys()) {
        const expected = this.#expected(record, index)
        if (expected !== undefined) credits.set(`${record.txid}:${String(index)}`, expected)
      }
    }
    return credits
  }

  /** What is paid out. */
  get assets(): readonly AssetId[] {
    return assetsOf(this.#chain.rules)
  }

  /** What all addresses of ours hold of an asset at the end of the newest block. */
  held(asset: AssetId): bigint {
    const { hot, accounts, shared } = this.#places
    return [hot, shared, ...accounts.keys()].reduce((sum, address) => sum + (this.#chain.balanceAt(address, asset, this.#chain.head.latest) ?? 0n), 0n)
  }

  /** What the payments with this memo that are in blocks now took of an asset from our addresses, fees and taxes included. */
  takenBy(name: string, asset: AssetId): bigint {
    return this.paymentsOf(name).flatMap(({ record }) => record.changes)
      .filter((change) => change.asset === asset && this.#isOurs(change.address)).reduce((sum, { delta }) => sum - delta, 0n)
  }

  /** What a payment of another asset than the native one took beside what was sent. */
  #taxOf({ claims: [claim], changes, outputs: [output] }: SimulatedRecord): bigint {
    if (claim === undefined || claim.asset === this.#chain.rules.nativeAsset) return 0n
    const left = changes.filter(({ address, asset }) => address === this.#places.hot && asset === claim.asset).reduce((sum, { delta }) => sum - delta, 0n)
    return left - (output === 'transaction_failed' || output === 'not_sent' ? 0n : claim.amount)
  }

  #isOurs(address: ChainAddress | undefined): boolean {
    const { hot, accounts, shared } = this.#places
    return address !== undefined && (address === hot || address === shared || accounts.has(address))
  }

  #expected(record: SimulatedRecord, index: number): ExpectedCredit | undefined {
    const { hot, accounts, shared, codes, depositMin } = this.#places
    const change = record.changes[index]
    if (change === undefined || change.delta <= 0n || !this.#isOurs(change.address) || record.returnOf !== undefined || this.#isOurs(record.from)) return undefined
    if (record.changes.some(({ address, asset, delta }) => delta < 0n && asset === change.asset && this.#isOurs(address))) return undefined
    const credit = (account: LedgerAccountId): ExpectedCredit => ({ account, amount: change.delta })
    const suspense = (reason: string): ExpectedCredit => credit(openingOf('suspense', reason, change.asset).id)
    if (change.asset !== this.#chain.rules.nativeAsset) return suspense('unknown_asset')
    if (change.delta < depositMin) return suspense('dust')
    if (change.address === hot) return suspense('no_route')
    const memo = memoOf(record)
    const account = change.address === shared ? codes.get(memo) : accounts.get(change.address)
    if (account !== undefined) return credit(openingOf('user', account, change.asset).id)
    return suspense(memo === '' ? 'memo_missing' : /^evg1\w{16}$/.test(memo) ? 'memo_unknown' : 'memo_unreadable')
  }
}

/** What a chain pays out in these worlds: its own asset, and what a tax is taken of beside. */
export function assetsOf({ nativeAsset, taxedAssets }: Pick<SimulatedRules, 'nativeAsset' | 'taxedAssets'>): readonly AssetId[] {
  return [nativeAsset, ...taxedAssets]
}

function memoOf({ memo }: SimulatedRecord): string {
  return WHERE.decode(memo)
}
