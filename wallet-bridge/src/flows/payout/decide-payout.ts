import { recordableAmount } from '../../chain/amount.js'
import { PAYMENT_MEMO_BYTES_MAX, type ChainAddress, type Settlement, type SignedPayment } from '../../chain/chain-adapter.js'
import { ZERO, type Amount } from '../../ledger/amount.js'
import type { Payout, PayoutOutcome, PayoutTerms } from './payout.js'
import type { PayoutPolicy } from './payout-policy.js'
import type { PayoutReason } from './payout-reason.js'

/** Why a payout may not be asked for, as far as its terms say; undefined when it may. Pure. */
export function refusalOf({ asset, amount, to, memo }: Pick<PayoutTerms, 'asset' | 'amount' | 'to' | 'memo'>, policy: PayoutPolicy): PayoutReason | undefined {
  const limits = policy.assets.get(asset)
  if (limits === undefined) return 'asset_unknown'
  if (amount < limits.payoutMin) return 'amount_too_small'
  if (amount > limits.payoutMax) return 'amount_too_large'
  if ((memo?.length ?? 0) > PAYMENT_MEMO_BYTES_MAX) return 'memo_too_long'
  return destinationRefusalOf(to, policy)
}

/** Why nothing may go to an address. Lists change: asked again before anything is signed. */
export function destinationRefusalOf(to: ChainAddress, { denied, allowed }: PayoutPolicy): PayoutReason | undefined {
  if (denied.has(to)) return 'destination_denied'
  return allowed?.has(to) === false ? 'destination_not_allowed' : undefined
}

/** Whether somebody else must approve a payout: also of an asset that is no longer paid out. */
export function needsApproval({ asset, amount }: Pick<Payout, 'asset' | 'amount'>, { assets }: PayoutPolicy): boolean {
  const limits = assets.get(asset)
  return limits === undefined || amount > limits.approvalAbove
}

/** How a payout ended, or why a person must say so. */
export type SettlementDecision =
  | { readonly status: 'settled'; readonly outcome: PayoutOutcome }
  | { readonly status: 'puzzle'; readonly reason: PayoutReason }

/** What a final settlement means for a payout that was to send one output. Only what is exactly what was meant is booked by itself. Pure. */
export function decideSettlement(payout: Pick<Payout, 'asset' | 'amount' | 'feeMax' | 'taxMax'>, payment: SignedPayment, settlement: Settlement): SettlementDecision {
  const [output] = settlement.outputs
  if (settlement.txid !== payment.txid || output === undefined || settlement.outputs.length !== 1) return { status: 'puzzle', reason: 'settlement_unclear' }
  const { taxes } = settlement
  if (taxes.some(({ asset }) => asset !== payout.asset) || taxes.length > 1) return { status: 'puzzle', reason: 'settlement_unclear' }
  const [fee, tax] = [recordableAmount(settlement.fee), taxes[0] === undefined ? ZERO : recordableAmount(taxes[0].amount)]
  if (fee === undefined || fee > payout.feeMax || tax === undefined || tax > payout.taxMax) return { status: 'puzzle', reason: 'fee_above_reserve' }
  if (output.status === 'failed') return { status: 'settled', outcome: { status: 'failed', fee, tax, reason: output.reason } }
  return sameAmount(output.received, payout.amount) ? { status: 'settled', outcome: { status: 'paid', fee, tax } } : { status: 'puzzle', reason: 'received_differs' }
}

/** The outcome of a payout of which every signature was proved to be in no block. */
export const NEVER_LANDED: PayoutOutcome = { status: 'failed', fee: ZERO, tax: ZERO, reason: 'never_landed' }

/** Amounts of a chain and of the ledger have different brands and the same numbers. */
function sameAmount(received: bigint, amount: Amount): boolean {
  return received === amount
}
