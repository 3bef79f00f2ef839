import { EvegramError, type AccountId } from '@evegram/protocol'
import type { ChainAddress, ChainName } from './chain/chain-adapter.js'
import type { ChainWork } from './chain-work.js'
import { refusalOf } from './flows/payout/decide-payout.js'
import { payoutIdOf, type Payout } from './flows/payout/payout.js'
import { feeReserveOf, taxReserveOf } from './flows/payout/payout-policy.js'
import type { PayoutReason } from './flows/payout/payout-reason.js'
import type { AccountPayouts, PayoutStore } from './flows/payout/payout-store.js'
import type { Amount } from './ledger/amount.js'
import type { AssetId } from './ledger/ids.js'
import type { UserMoney } from './user-money.js'

/** What somebody wants to take out. */
export interface PayoutWish {
  readonly asset: AssetId
  readonly amount: Amount
  /** As the asker wrote it. */
  readonly to: string
  readonly memo: Uint8Array | undefined
}

/** What a payout would be. Nothing is promised: whatever changes until it is asked for counts. */
export interface PayoutQuote {
  readonly chain: ChainName
  /** The destination in the one form of its chain: what a proof must name. */
  readonly to: ChainAddress
  /** Reserved for the network, in the native asset of the chain. */
  readonly feeAsset: AssetId
  readonly feeMax: Amount
  /** Reserved of the asset itself, beside the amount, for a tax in it. */
  readonly taxMax: Amount
  readonly feeFrom: 'account' | 'house'
  /** Time after the newest device or wallet for which it would be held. */
  readonly holdMs: number
  /** Whether a second person must approve it. */
  readonly needsApproval: boolean
  /** Why it would be refused. */
  readonly refusal: PayoutReason | undefined
}

/** Parts of {@link UserPayouts}. */
export interface UserPayoutsParts {
  readonly payouts: Pick<PayoutStore, 'get'> & AccountPayouts
  readonly money: Pick<UserMoney, 'balances'>
  /** Throws `wallet.asset_unknown`. */
  readonly workOf: (asset: AssetId) => ChainWork
}

/** What people do about payouts of their own. */
export class UserPayouts {
  readonly #parts: UserPayoutsParts

  constructor(parts: UserPayoutsParts) {
    this.#parts = parts
  }

  /** What a payout would be. Throws `wallet.asset_unknown`, `invalid.address`. */
  quote({ asset, amount, to: written, memo }: PayoutWish): PayoutQuote {
    const work = this.#parts.workOf(asset)
    const to = work.chain.parseAddress(written)
    const { policy } = work
    const approvalAbove = policy.assets.get(asset)?.approvalAbove
    return {
      chain: work.chain.chain, to, feeAsset: work.chain.nativeAsset, feeMax: feeReserveOf(policy, work.chain.nativeAsset, asset, amount),
      taxMax: taxReserveOf(policy, work.chain.nativeAsset, asset, amount), feeFrom: policy.feeFrom,
      holdMs: policy.holdMs, needsApproval: approvalAbove === undefined || amount > approvalAbove, refusal: refusalOf({ asset, amount, to, memo }, policy),
    }
  }

  /**
   * Asks for a payout. Rejects `wallet.asset_unknown`, `wallet.payout_refused` (details.reason), `wallet.insufficient_funds`, `conflict.request_differs`, and
   * `unavailable.*`: ask the same again.
   */
  async request(account: AccountId, clientId: string, wish: PayoutWish & { readonly proof: Uint8Array }): Promise<{ readonly status: 'created' | 'exists'; readonly payout: Payout }> {
    const work = this.#parts.workOf(wish.asset)
    const id = payoutIdOf(account, clientId)
    // What is known is answered as it stands, whatever the account holds by now.
    if (await this.#parts.payouts.get(id) === undefined) await this.#requireFunds(account, work, wish)
    const answer = await work.payouts.request({ id, account, requestedBy: account, ...wish })
    switch (answer.status) {
      case 'created':
      case 'exists':
        return answer
      case 'exists_with_different_fields':
        throw new EvegramError('conflict.request_differs', { operation: 'request payout' })
      case 'refused':
        throw new EvegramError('wallet.payout_refused', { operation: 'request payout', details: { reason: answer.reason } })
    }
  }

  /** A payout of the account. Rejects `not_found.resource`, `unavailable.store`. */
  async get(account: AccountId, clientId: string): Promise<Payout> {
    const found = await this.#parts.payouts.get(payoutIdOf(account, clientId))
    if (found === undefined) throw new EvegramError('not_found.resource', { operation: 'read payout' })
    return found
  }

  /** Payouts of the account before number `before`, the newest first. Rejects `unavailable.store`. */
  list(account: AccountId, before: number | undefined, limit: number): Promise<readonly Payout[]> {
    return this.#parts.payouts.ofAccount(account, before, limit)
  }

  /** Says early what the ledger would say later: it alone decides. */
  async #requireFunds(account: AccountId, { chain, policy }: ChainWork, { asset, amount }: PayoutWish): Promise<void> {
    const balances = await this.#parts.money.balances(account)
    const availableOf = (one: AssetId): bigint => balances.find((balance) => balance.asset === one)?.available ?? 0n
    const [fee, tax] = policy.feeFrom === 'account'
      ? [feeReserveOf(policy, chain.nativeAsset, asset, amount), taxReserveOf(policy, chain.nativeAsset, asset, amount)] : [0n, 0n]
    const isEnough = asset === chain.nativeAsset ? availableOf(asset) >= amount + fee : availableOf(asset) >= amount + tax && availableOf(chain.nativeAsset) >= fee
    if (!isEnough) throw new EvegramError('wallet.insufficient_funds', { operation: 'request payout' })
  }
}
