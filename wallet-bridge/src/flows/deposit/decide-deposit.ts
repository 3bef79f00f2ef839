import type { AccountId } from '@evegram/protocol'
import type { AgreedTransfer } from '../../chain/agreed-chain.js'
import { recordableAmount } from '../../chain/amount.js'
import type { ChainAddress } from '../../chain/chain-adapter.js'
import type { Amount } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { depositCodeIn, type DepositCode } from './deposit-code.js'
import type { AddressRoute } from './deposit-routes.js'

/**
 * Why something that moved at an address of ours is no deposit of an account, and where it ends: in the suspense account of that name, for people to look
 * at, or nowhere, because it is no money that came in. In the order of precedence: the first that applies is the reason. docs/wally.md shows this table.
 */
export const DEPOSIT_REASONS = [
  ['outgoing', 'nowhere', 'The balance went down: a payout, a sweep, a fee.'],
  ['returned', 'nowhere', 'Money of ours that came back from a payment: the payout deals with it.'],
  ['internal', 'nowhere', 'It came from an address of ours, or the same transaction took the asset from one: a sweep, or a payment to ourselves.'],
  ['beyond_ledger', 'nowhere', 'More than 38 digits, or the sum would be: only a token without worth comes in such amounts. Alarms.'],
  ['too_many_assets', 'nowhere', 'An unknown asset, while as many unknown ones as may be have an account already. Alarms.'],
  ['unknown_asset', 'suspense', 'An asset that is not configured.'],
  ['dust', 'suspense', 'Less than the configured least amount of the asset.'],
  ['no_route', 'suspense', 'It came to a wallet of ours that takes no deposits.'],
  ['memo_missing', 'suspense', 'It came to the shared address without a memo.'],
  ['memo_unreadable', 'suspense', 'The memo is not a code, or has a typo. Nothing is guessed.'],
  ['memo_unknown', 'suspense', 'The memo is a code that was never given out.'],
  ['account_closed', 'suspense', 'The account in the ledger was closed.'],
  ['conflict', 'suspense', 'Its id is taken by a transfer that is not this deposit, or is less than it: what is missing goes here. Alarms.'],
] as const

/** Why a transfer is credited to no account. */
export type DepositReason = (typeof DEPOSIT_REASONS)[number][0]
/** Reasons with a suspense account of their own. */
export type SuspenseReason = Extract<(typeof DEPOSIT_REASONS)[number], readonly [string, 'suspense', string]>[0]
/** Reasons for which nothing is booked. */
export type IgnoredReason = Exclude<DepositReason, SuspenseReason>

/** What is to be done about one transfer. */
export type DepositDecision =
  | { readonly status: 'credit'; readonly account: AccountId; readonly amount: Amount }
  | { readonly status: 'suspense'; readonly reason: SuspenseReason; readonly amount: Amount }
  | { readonly status: 'ignored'; readonly reason: IgnoredReason }

/** What the decision is made from. */
export interface DepositKnowledge {
  /** All addresses of ours on the chain. */
  readonly ours: ReadonlySet<ChainAddress>
  /** The least amount of every configured asset. */
  readonly assets: ReadonlyMap<AssetId, Amount>
  /** Whether another unknown asset may still get an account. */
  readonly takesAsset: (asset: AssetId) => boolean
  readonly routeOf: (transfer: AgreedTransfer) => AddressRoute | undefined
  readonly accountOf: (code: DepositCode) => AccountId | undefined
}

/** Decides about the transfers of whole blocks: all of one transaction must be among them. Pure; a decision for each, in their order. */
export function decideDeposits(transfers: readonly AgreedTransfer[], knowledge: DepositKnowledge): readonly DepositDecision[] {
  const left = new Set(transfers.filter(({ direction }) => direction === 'out').map(({ txid, asset }) => `${txid} ${asset}`))
  return transfers.map((transfer) => decideDeposit(transfer, left.has(`${transfer.txid} ${transfer.asset}`), knowledge))
}

function decideDeposit(transfer: AgreedTransfer, isInternal: boolean, { ours, assets, takesAsset, routeOf, accountOf }: DepositKnowledge): DepositDecision {
  const ignored = (reason: IgnoredReason): DepositDecision => ({ status: 'ignored', reason })
  if (transfer.direction === 'out') return ignored('outgoing')
  if (transfer.returnOf !== undefined) return ignored('returned')
  if (isInternal || (transfer.from !== undefined && ours.has(transfer.from))) return ignored('internal')
  const amount = recordableAmount(transfer.amount)
  if (amount === undefined) return ignored('beyond_ledger')

  const suspense = (reason: SuspenseReason): DepositDecision => ({ status: 'suspense', reason, amount })
  const least = assets.get(transfer.asset)
  if (least === undefined) return takesAsset(transfer.asset) ? suspense('unknown_asset') : ignored('too_many_assets')
  if (amount < least) return suspense('dust')
  const route = routeOf(transfer)
  if (route?.to === 'account') return { status: 'credit', account: route.account, amount }
  if (route?.to !== 'memo') return suspense('no_route')
  const memo = depositCodeIn(transfer.memo)
  if (memo.status !== 'code') return suspense(memo.status === 'missing' ? 'memo_missing' : 'memo_unreadable')
  const account = accountOf(memo.code)
  return account === undefined ? suspense('memo_unknown') : { status: 'credit', account, amount }
}
