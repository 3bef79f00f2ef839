import type { AccountId } from '@evegram/protocol'
import {
  custodyOf, openingOf, type ChainAddress, type ChainTxid, type LedgerAccountId, type SimulatedChain, type SimulatedRecord,
} from '@evegram/wallet-bridge'

/** What a payout came to, as the chain itself says. */
export type PayoutTruth =
  | { readonly status: 'nothing' }
  | { readonly status: 'received'; readonly amount: bigint; readonly fee: bigint; readonly isFinal: boolean }
  | { readonly status: 'failed'; readonly reason: 'transaction_failed' | 'not_sent' | 'bounced'; readonly fee: bigint; readonly isFinal: boolean }

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
    const isFinal = height <= this.#chain.head.final
    if (output === undefined || typeof output === 'string') return { status: 'failed', reason: output ?? 'not_sent', fee, isFinal }
    return { status: 'received', amount: output.received, fee, isFinal }
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

  /** What all addresses of ours hold at the end of the newest block. */
  held(): bigint {
    const { hot, accounts, shared } = this.#places
    return [hot, shared, ...accounts.keys()].reduce((sum, address) => sum + (this.#chain.balanceAt(address, this.#chain.rules.nativeAsset, this.#chain.head.latest) ?? 0n), 0n)
  }

  /** What the payments with this memo that are in blocks now took from our addresses, fees included. */
  takenBy(name: string): bigint {
    return this.paymentsOf(name).flatMap(({ record }) => record.changes)
      .filter(({ address, asset }) => asset === this.#chain.rules.nativeAsset && this.#isOurs(address)).reduce((sum, { delta }) => sum - delta, 0n)
  }

  /** The account that stands for {@link held}. */
  get custody(): LedgerAccountId {
    return custodyOf(this.#chain.rules.nativeAsset).id
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

function memoOf({ memo }: SimulatedRecord): string {
  return WHERE.decode(memo)
}
