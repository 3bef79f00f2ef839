import { openingOf, type AccountOpening } from '../../ledger/account.js'
import type { Amount } from '../../ledger/amount.js'
import { parsePurpose, payoutTransferId, type AssetId, type Purpose } from '../../ledger/ids.js'
import type { Submission, Transfer, TransferRequest } from '../../ledger/transfer.js'
import { custodyOf } from '../deposit/deposit-flow.js'
import { parsePayoutId, type PayoutId, type PayoutOutcome, type PayoutTerms } from './payout.js'

/** Owner of the account of each asset that bears fees and taxes which we pay ourselves. */
export const FEES_OWNER = 'payouts'

/** What is reserved for a payout, each by a transfer of its own: `p:<payout>`, `p:<payout>:fee` and, where one may be taken, `p:<payout>:tax`. */
type Reserved = 'amount' | 'fee' | 'tax'

/** Steps of the ids: what reserves (the amount: none), posts and voids. */
const STEPS: Readonly<Record<Reserved, { readonly pending: string | undefined; readonly post: string; readonly void: string }>> = {
  amount: { pending: undefined, post: 'post', void: 'void' },
  fee: { pending: 'fee', post: 'feepost', void: 'feevoid' },
  tax: { pending: 'tax', post: 'taxpost', void: 'taxvoid' },
}
const PURPOSES: Readonly<Record<Reserved, Purpose>> = { amount: parsePurpose('payout'), fee: parsePurpose('payout_fee'), tax: parsePurpose('payout_tax') }

/** The reservations of a payout: of a tax only where there may be one. */
function reservedOf({ taxMax }: PayoutTerms): readonly Reserved[] {
  return taxMax > 0n ? ['amount', 'fee', 'tax'] : ['amount', 'fee']
}

/** Who pays, and out of which custody it leaves. */
function sidesOf({ account, asset, feeFrom }: PayoutTerms, what: Reserved, native: AssetId): { readonly payer: AccountOpening; readonly custody: AccountOpening } {
  const paidIn = what === 'fee' ? native : asset
  const isHouse = what !== 'amount' && feeFrom === 'house'
  return { payer: isHouse ? openingOf('fees', FEES_OWNER, paidIn) : openingOf('user', account, paidIn), custody: custodyOf(paidIn) }
}

/** The accounts that a payout touches: what it takes from, and the custody that the money leaves. */
export function accountsOf(terms: PayoutTerms, native: AssetId): readonly AccountOpening[] {
  const openings = reservedOf(terms).flatMap((what) => Object.values(sidesOf(terms, what, native)))
  return [...new Map(openings.map((opening) => [opening.id, opening])).values()]
}

/** Reserves amount, fee and tax, all or none. Without a time: what is on its way to a chain is not released by a clock. */
export function reservationOf(terms: PayoutTerms, native: AssetId): Submission {
  const amounts: Readonly<Record<Reserved, Amount>> = { amount: terms.amount, fee: terms.feeMax, tax: terms.taxMax }
  return {
    linked: true,
    transfers: reservedOf(terms).map((what) => {
      const { payer, custody } = sidesOf(terms, what, native)
      return { kind: 'pending', id: payoutTransferId(terms.id, STEPS[what].pending), debit: payer.id, credit: custody.id, amount: amounts[what], purpose: PURPOSES[what] }
    }),
  }
}

/** Releases all of it. */
export function releaseOf(terms: PayoutTerms): Submission {
  return { linked: true, transfers: reservedOf(terms).map((what) => voidOf(terms, what)) }
}

/** Books how a payout ended: the amount moves or is released, real fee and tax are taken from their reserves and the rest released. */
export function settlementOf(terms: PayoutTerms, outcome: PayoutOutcome): Submission {
  const transfers = reservedOf(terms).map((what): TransferRequest => {
    if (what === 'amount') return outcome.status === 'paid' ? postOf(terms, what) : voidOf(terms, what)
    return outcome[what] > 0n ? { ...postOf(terms, what), amount: outcome[what] } : voidOf(terms, what)
  })
  return { linked: true, transfers }
}

/** The payout whose amount a transfer ends: posted when it was paid, voided when it was not. Undefined for every other transfer, those of fees and taxes included. */
export function payoutIdOfTransfer({ id, kind }: Pick<Transfer, 'id' | 'kind'>): PayoutId | undefined {
  const [, payout, step] = /^p:([^:]+):([a-z]+)$/.exec(id) ?? []
  return payout !== undefined && step === kind && (kind === 'post' || kind === 'void') ? parsePayoutId(payout) : undefined
}

function postOf({ id }: PayoutTerms, what: Reserved): Extract<TransferRequest, { readonly kind: 'post' }> {
  return { kind: 'post', id: payoutTransferId(id, STEPS[what].post), pending: payoutTransferId(id, STEPS[what].pending) }
}

function voidOf({ id }: PayoutTerms, what: Reserved): TransferRequest {
  return { kind: 'void', id: payoutTransferId(id, STEPS[what].void), pending: payoutTransferId(id, STEPS[what].pending) }
}
