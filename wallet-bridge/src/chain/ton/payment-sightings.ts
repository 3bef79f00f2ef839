import type { ChainTxid, PaymentSighting, SignedPayment } from '../chain-adapter.js'
import type { ChainHead, Height } from '../finality.js'
import { sealFinal } from '../seal-final.js'
import { accountOf } from './address.js'
import { lastSecondOf } from './highload-wallet.js'
import { inBatches } from './in-batches.js'
import { HISTORY_PAGE_MAX, PaymentSearch, type SearchAnswer, type SearchRequest } from './payment-search.js'
import type { TransactionPlace } from './transaction-place.js'
import { isProcessed } from './is-processed.js'
import { remember } from './remember.js'
import type { AccountFacts, TonRpc } from './rpc.js'
import { requestOf, settle } from './settle.js'
import { wrong } from './wrong.js'
import { externalHash, type TonTransaction } from './transaction.js'
import type { WatchSource } from './watch.js'

/** Transactions of a wallet in blocks that are not final through which a payment is looked for; further back it is seen when it is final. */
const NEWEST_MAX = 1_000

/** Up to where a payment can have landed. */
interface PaymentRange {
  /** Whether it can land no more behind it. */
  readonly isOver: boolean
  readonly height: Height
  readonly account: AccountFacts
}

/** Options of {@link PaymentSightings}. */
export interface SightingsOptions {
  readonly rpc: TonRpc
  readonly source: WatchSource
  /** Transactions that one look reads in the history of a wallet. */
  readonly searchMax?: number | undefined
}

/**
 * What became of payments, by one endpoint: found in the history of their wallet, followed to where their outputs ended. What is kept is in memory and only saves
 * work.
 */
export class PaymentSightings {
  readonly #rpc: TonRpc
  readonly #source: WatchSource
  readonly #search: PaymentSearch
  /** Blocks of payments that are final. */
  readonly #heights = new Map<ChainTxid, Height>()
  readonly #ends = new Map<ChainTxid, PaymentRange>()

  constructor({ rpc, source, searchMax }: SightingsOptions) {
    this.#rpc = rpc
    this.#source = source
    this.#search = new PaymentSearch((account, from, limit) => rpc.history(account, from, limit), searchMax)
  }

  /**
   * What became of a payment. As long as its wallet has transactions that were not searched, and as one of them could be the payment, it is `unknown`: each look goes
   * on where the one before stopped. Rejects `unavailable.chain`.
   */
  async of(payment: SignedPayment, { latest, final }: ChainHead): Promise<PaymentSighting> {
    const { txid, from } = payment
    const account = accountOf(from)
    const before = await this.#search.known(account, txid)
    if (before !== undefined) return this.#landed(payment, before, final)
    const range = await this.#rangeOf(payment, final)
    const sinceSeconds = requestOf(payment).createdAt
    const found = await this.#find({ account, txid, from: range.account.last, sinceSeconds, isLast: range.isOver })
    if (found.status === 'landed') return this.#landed(payment, found.transaction, final)
    if (!range.isOver) return this.#newest(payment, range.account.last, { latest, final })
    if (found.status === 'searching' || await this.#isProcessed(payment, range, final)) return { status: 'unknown' }
    return { status: 'expired', expiration: sealFinal({ txid, height: final }, { final }) }
  }

  async #find(request: SearchRequest): Promise<SearchAnswer> {
    try {
      return await this.#search.find(request)
    } catch (failure) {
      // Perhaps the end was on a fork: it is looked for anew.
      this.#ends.delete(request.txid)
      throw failure
    }
  }

  async #landed(payment: SignedPayment, first: TonTransaction, final: Height): Promise<PaymentSighting> {
    const { txid, from, signedAt } = payment
    const height = this.#heights.get(txid) ?? await this.#heightOf(first, from, signedAt, final)
    remember(this.#heights, txid, height)
    const settled = await settle(payment, first, final, this.#source)
    if (settled === undefined) return { status: 'confirmed', height }
    return { status: 'final', settlement: sealFinal({ txid, height, ...settled }, { final }) }
  }

  /** Looks for a payment in the blocks that are not final. */
  async #newest({ txid, from }: SignedPayment, lastFinal: TransactionPlace, { latest, final }: ChainHead): Promise<PaymentSighting> {
    const account = accountOf(from)
    let { last: next } = await this.#account(from, latest)
    for (let left = NEWEST_MAX; left > 0 && next.lt > lastFinal.lt;) {
      const page = await this.#rpc.history(account, next, Math.min(left, HISTORY_PAGE_MAX))
      const first = page.find(({ incoming }) => incoming?.message.info.type === 'external-in' && externalHash(incoming.message) === txid)
      if (first !== undefined && first.lt > lastFinal.lt) return { status: 'confirmed', height: await this.#heightOf(first, from, final, latest) }
      left -= page.length
      next = page.at(-1)?.previous ?? { lt: 0n, hash: '' }
    }
    return { status: 'unknown' }
  }

  /**
   * Where to look for a payment, in final blocks. One that can land no more is looked for from the first block on which all shards are behind its end: what came later,
   * however much it is, does not matter.
   */
  async #rangeOf(payment: SignedPayment, final: Height): Promise<PaymentRange> {
    const known = this.#ends.get(payment.txid)
    if (known !== undefined) return known
    const { createdAt, timeoutSeconds } = requestOf(payment)
    const lastSecond = lastSecondOf(createdAt, timeoutSeconds)
    const account = await this.#account(payment.from, final)
    if (account.seconds <= lastSecond || !await this.#isBehind(final, lastSecond)) return { isOver: false, height: final, account }
    let [low, high] = [payment.signedAt, final]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (await this.#isBehind(middle, lastSecond)) high = middle
      else low = middle
    }
    // An endpoint that no longer has the state of that block is asked for all up to now.
    const atEnd = await this.#rpc.account(accountOf(payment.from), high)
    const range = atEnd === undefined ? { isOver: true, height: final, account } : { isOver: true, height: high, account: atEnd }
    remember(this.#ends, payment.txid, range)
    return range
  }

  /** Whether the newest block of every shard in a block of the masterchain is behind a second, so that every later one is; false where the endpoint has none. */
  async #isBehind(seqno: Height, second: number): Promise<boolean> {
    // Of all shards: which of them has the account need not be known.
    const shards = await this.#rpc.shardsIfKept(seqno)
    if (shards === undefined || shards.length === 0) return false
    return (await inBatches(shards, (id) => this.#rpc.headerIfKept(id))).every((header) => header !== undefined && header.seconds > second)
  }

  /** Whether the wallet has used the number of a payment, so that it may have landed whatever its history says. At its end, where that state is kept: later a wallet forgets. */
  async #isProcessed(payment: SignedPayment, { account, height }: PaymentRange, final: Height): Promise<boolean> {
    if (!account.isActive) return false
    const [wallet, { queryId }] = [accountOf(payment.from), requestOf(payment)]
    const answer = await isProcessed(this.#rpc, wallet, queryId, height) ?? await isProcessed(this.#rpc, wallet, queryId, final)
    if (answer === undefined) throw wrong('a wallet that does not say what it has done')
    return answer
  }

  /** The first block in (`low`, `high`] at whose end the wallet has a transaction. */
  async #heightOf({ lt }: TonTransaction, from: SignedPayment['from'], signedAt: Height, newest: Height): Promise<Height> {
    let [low, high] = [signedAt, newest]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if ((await this.#account(from, middle)).last.lt >= lt) high = middle
      else low = middle
    }
    return high
  }

  async #account(address: SignedPayment['from'], seqno: Height): Promise<AccountFacts> {
    const account = await this.#rpc.account(accountOf(address), seqno)
    if (account === undefined) throw wrong('an account is not known')
    return account
  }
}
