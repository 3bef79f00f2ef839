import { openingOf, type AccountOpening } from '../../ledger/account.js'
import { parsePurpose, payoutTransferId, type AssetId, type TransferId } from '../../ledger/ids.js'
import type { Submission, Transfer, TransferRequest } from '../../ledger/transfer.js'
import { custodyOf } from '../deposit/deposit-flow.js'
import { parsePayoutId, type PayoutId, type PayoutOutcome, type PayoutTerms } from './payout.js'

/** Owner of the account of each native asset that bears fees which we pay ourselves. */
export const FEES_OWNER = 'payouts'

const PAYOUT = parsePurpose('payout')
const PAYOUT_FEE = parsePurpose('payout_fee')

/** The two reservations of a payout. */
function pendingsOf({ id }: PayoutTerms): { readonly amount: TransferId; readonly fee: TransferId } {
  return { amount: payoutTransferId(id), fee: payoutTransferId(id, 'fee') }
}

function feeAccountOf({ account, feeFrom }: PayoutTerms, native: AssetId): AccountOpening {
  return feeFrom === 'account' ? openingOf('user', account, native) : openingOf('fees', FEES_OWNER, native)
}

/** The accounts that a payout touches: what it takes from, and the custody that the money leaves. */
export function accountsOf(terms: PayoutTerms, native: AssetId): readonly AccountOpening[] {
  const openings = [openingOf('user', terms.account, terms.asset), feeAccountOf(terms, native), custodyOf(terms.asset), custodyOf(native)]
  return [...new Map(openings.map((opening) => [opening.id, opening])).values()]
}

/** Reserves amount and fee, both or none. Without a time: what is on its way to a chain is not released by a clock. */
export function reservationOf(terms: PayoutTerms, native: AssetId): Submission {
  const pendings = pendingsOf(terms)
  const [user, payer] = [openingOf('user', terms.account, terms.asset), feeAccountOf(terms, native)]
  return {
    linked: true,
    transfers: [
      { kind: 'pending', id: pendings.amount, debit: user.id, credit: custodyOf(terms.asset).id, amount: terms.amount, purpose: PAYOUT },
      { kind: 'pending', id: pendings.fee, debit: payer.id, credit: custodyOf(native).id, amount: terms.feeMax, purpose: PAYOUT_FEE },
    ],
  }
}

/** Releases both. */
export function releaseOf(terms: PayoutTerms): Submission {
  return { linked: true, transfers: [voidOf(terms, 'amount'), voidOf(terms, 'fee')] }
}

/** Books how a payout ended: the amount moves or is released, the real fee is taken from its reserve and the rest released. */
export function settlementOf(terms: PayoutTerms, outcome: PayoutOutcome): Submission {
  const pendings = pendingsOf(terms)
  const amount: TransferRequest = outcome.status === 'paid'
    ? { kind: 'post', id: payoutTransferId(terms.id, 'post'), pending: pendings.amount }
    : voidOf(terms, 'amount')
  const fee: TransferRequest = outcome.fee > 0n
    ? { kind: 'post', id: payoutTransferId(terms.id, 'feepost'), pending: pendings.fee, amount: outcome.fee }
    : voidOf(terms, 'fee')
  return { linked: true, transfers: [amount, fee] }
}

/** The payout whose amount a transfer ends: posted when it was paid, voided when it was not. Undefined for every other transfer, those of fees included. */
export function payoutIdOfTransfer({ id, kind }: Pick<Transfer, 'id' | 'kind'>): PayoutId | undefined {
  const [, payout, step] = /^p:([^:]+):([a-z]+)$/.exec(id) ?? []
  return payout !== undefined && step === kind && (kind === 'post' || kind === 'void') ? parsePayoutId(payout) : undefined
}

function voidOf(terms: PayoutTerms, what: 'amount' | 'fee'): TransferRequest {
  return { kind: 'void', id: payoutTransferId(terms.id, what === 'amount' ? 'void' : 'feevoid'), pending: pendingsOf(terms)[what] }
}
