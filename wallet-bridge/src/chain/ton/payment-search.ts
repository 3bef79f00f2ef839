import type { Address } from '@ton/core'
import { parseChainTxid, type ChainTxid } from '../chain-adapter.js'
import { wrong } from './wrong.js'
import { externalHash, type TonTransaction } from './transaction.js'
import type { TransactionPlace } from './transaction-place.js'

/** Reads transactions of an account from a place back, that at the place first, each the one that the next names; 1 to `limit`. Rejects `unavailable.chain`. */
export type HistoryPage = (account: Address, from: TransactionPlace, limit: number) => Promise<readonly TonTransaction[]>

/** What is looked for. */
export interface SearchRequest {
  readonly account: Address
  readonly txid: ChainTxid
  /** The newest transaction that matters. Final: what is searched is not searched again. */
  readonly from: TransactionPlace
  /** No transaction before this second matters. */
  readonly sinceSeconds: number
  /** Whether `from` is the last that will ever matter, so that the search may end. Otherwise what was begun before goes on first. */
  readonly isLast: boolean
}

/** `landed`: there. `absent`: nowhere in the whole range. `searching`: not found in what was read so far; the next search goes on from there. */
export type SearchAnswer = { readonly status: 'landed'; readonly transaction: TonTransaction } | { readonly status: 'absent' } | { readonly status: 'searching' }

/** Transactions that one search reads. */
export const PAYMENT_SEARCH_MAX = 2_000
/** Transactions that are asked for at once: what toncenter gives. */
export const HISTORY_PAGE_MAX = 100
/** Payments of one account that are remembered; then all that is known of it is forgotten and searched anew. */
const LANDED_MAX = 100_000
/** Ranges that are remembered for one account: more than payments are in flight. */
const RANGES_MAX = 256
/** Accounts that are remembered. */
const ACCOUNTS_MAX = 64
/** Times in a row that a history could not be read; then what is known of it is forgotten, since it may have been that of a fork. */
const FAILURES_MAX = 5

/** Transactions that were searched, without a gap: from `top` back to before `next`. */
interface SearchedRange {
  readonly top: TransactionPlace
  /** The first that was not. */
  next: TransactionPlace
  /** When the last that was happened. */
  reachedSeconds: number
}

interface SearchedAccount {
  readonly ranges: Set<SearchedRange>
  readonly landed: Map<ChainTxid, TransactionPlace>
  failures: number
  turn: Promise<unknown>
}

/**
 * Finds the transactions that took signed messages, in the history of their account, which can only be read from a place back. What was searched is remembered: a
 * search that does not come to its end goes on where it was, so that strangers who fill the account with transactions delay it and cannot stop it. Everything is
 * searched for all payments at once. It is in memory alone; a restart begins anew.
 */
export class PaymentSearch {
  readonly #page: HistoryPage
  readonly #transactionsMax: number
  readonly #accounts = new Map<string, SearchedAccount>()

  constructor(page: HistoryPage, transactionsMax = PAYMENT_SEARCH_MAX) {
    this.#page = page
    this.#transactionsMax = transactionsMax
  }

  /** The transaction that took a payment, when it was found before: nothing is searched. Rejects `unavailable.chain`. */
  known(account: Address, txid: ChainTxid): Promise<TonTransaction | undefined> {
    return this.#landed(this.#of(account), account, txid)
  }

  /**
   * Searches on for one payment, {@link PAYMENT_SEARCH_MAX} transactions at most. Rejects `unavailable.chain`, also when the endpoint tells two histories: then
   * nothing of the account is believed any more.
   */
  find(request: SearchRequest): Promise<SearchAnswer> {
    const searched = this.#of(request.account)
    // One search at a time: each moves what the others go on from.
    const answer = searched.turn.then(() => this.#find(searched, request))
    searched.turn = answer.catch(() => undefined)
    return answer
  }

  async #find(searched: SearchedAccount, { account, txid, from, sinceSeconds, isLast }: SearchRequest): Promise<SearchAnswer> {
    const isWhole = ({ next, reachedSeconds }: SearchedRange): boolean => next.lt === 0n || reachedSeconds < sinceSeconds
    for (let left = this.#transactionsMax; ;) {
      const transaction = await this.#landed(searched, account, txid)
      if (transaction !== undefined) return { status: 'landed', transaction }
      if (from.lt === 0n) return { status: 'absent' }
      const range = rangeOf(searched, from) ?? (isLast ? undefined : unfinished(searched, isWhole)) ?? this.#begin(searched, from)
      if (isWhole(range)) return { status: 'absent' }
      const below = nextBelow(searched, range)
      if (below !== undefined && range.next.lt <= below.top.lt) {
        join(searched, range, below)
        continue
      }
      if (left <= 0) return { status: 'searching' }
      const page = await this.#read(searched, account, range.next, Math.min(left, HISTORY_PAGE_MAX))
      left -= page.length
      take(searched, range, page, below?.top.lt ?? 0n)
    }
  }

  async #landed(searched: SearchedAccount, account: Address, txid: ChainTxid): Promise<TonTransaction | undefined> {
    const at = searched.landed.get(txid)
    return at === undefined ? undefined : (await this.#read(searched, account, at, 1))[0]
  }

  async #read(searched: SearchedAccount, account: Address, from: TransactionPlace, limit: number): Promise<readonly TonTransaction[]> {
    try {
      const page = await this.#page(account, from, limit)
      searched.failures = 0
      return page
    } catch (failure) {
      if (++searched.failures >= FAILURES_MAX) forget(searched)
      throw failure
    }
  }

  #begin({ ranges }: SearchedAccount, top: TransactionPlace): SearchedRange {
    const range: SearchedRange = { top, next: top, reachedSeconds: Infinity }
    ranges.add(range)
    const [oldest] = ranges
    if (ranges.size > RANGES_MAX && oldest !== undefined) ranges.delete(oldest)
    return range
  }

  #of(account: Address): SearchedAccount {
    const key = account.toRawString()
    const known = this.#accounts.get(key)
    if (known !== undefined) return known
    if (this.#accounts.size >= ACCOUNTS_MAX) this.#accounts.clear()
    const searched: SearchedAccount = { ranges: new Set(), landed: new Map(), failures: 0, turn: Promise.resolve() }
    this.#accounts.set(key, searched)
    return searched
  }
}

/** Searches a page, down to where another range begins. */
function take(searched: SearchedAccount, range: SearchedRange, page: readonly TonTransaction[], endLt: bigint): void {
  for (const { lt, hash, incoming, seconds, previous } of page) {
    if (lt <= endLt) return
    if (incoming?.message.info.type === 'external-in') searched.landed.set(parseChainTxid(externalHash(incoming.message)), { lt, hash })
    range.next = previous
    range.reachedSeconds = seconds
  }
  // What was found and forgotten would be told as absent: all goes together.
  if (searched.landed.size > LANDED_MAX) forget(searched)
}

/** Goes on behind a range that was reached. Throws `unavailable.chain` when the two are of different histories, none of which is believed any more. */
function join(searched: SearchedAccount, range: SearchedRange, below: SearchedRange): void {
  if (range.next.lt !== below.top.lt || range.next.hash !== below.top.hash) {
    forget(searched)
    throw wrong('two histories of one account')
  }
  range.next = below.next
  range.reachedSeconds = Math.min(range.reachedSeconds, below.reachedSeconds)
  searched.ranges.delete(below)
}

function forget({ ranges, landed }: SearchedAccount): void {
  ranges.clear()
  landed.clear()
}

/** The range in which a place is, or at whose end it comes next. */
function rangeOf({ ranges }: SearchedAccount, { lt }: TransactionPlace): SearchedRange | undefined {
  return [...ranges].find(({ top, next }) => top.lt >= lt && lt >= next.lt)
}

/** The newest range that is not whole: it ends before another is begun above it, or strangers who are faster than the search would leave gaps for ever. */
function unfinished({ ranges }: SearchedAccount, isWhole: (range: SearchedRange) => boolean): SearchedRange | undefined {
  return newest([...ranges].filter((range) => !isWhole(range)))
}

function nextBelow({ ranges }: SearchedAccount, { top }: SearchedRange): SearchedRange | undefined {
  return newest([...ranges].filter((other) => other.top.lt < top.lt))
}

function newest(ranges: readonly SearchedRange[]): SearchedRange | undefined {
  return ranges.reduce<SearchedRange | undefined>((found, range) => found === undefined || range.top.lt > found.top.lt ? range : found, undefined)
}
