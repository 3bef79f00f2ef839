import { EvegramError } from '@evegram/protocol'

/** Why a payout was refused, failed, or needs a person. docs/payouts.md shows this table. */
export const PAYOUT_REASONS = [
  ['asset_unknown', 'The asset is not one that is paid out.'],
  ['amount_too_small', 'Less than the least amount of the asset.'],
  ['amount_too_large', 'More than one payout of the asset may be.'],
  ['destination_invalid', 'The destination is no address of this chain.'],
  ['destination_ours', 'The destination is an address of ours: a transfer in the ledger does that.'],
  ['destination_denied', 'The destination is on the deny list.'],
  ['destination_not_allowed', 'There is an allow list, and the destination is not on it.'],
  ['memo_too_long', 'The memo is longer than the chain takes.'],
  ['proof_invalid', 'The withdrawal proof does not name this account, asset, amount, destination, memo and id.'],
  ['day_limit', 'The account would have asked for more of the asset within 24 hours than it may.'],
  ['too_many_open', 'The account has as many payouts under way as it may.'],
  ['rejected', 'A person refused it.'],
  ['balance_too_low', 'The account has less than the amount and what is reserved for fee and tax.'],
  ['account_closed', 'The account in the ledger was closed.'],
  ['not_payable', 'The chain does not pay that to this destination: too little for a new account, a token that cannot be moved, a memo that is no text.'],
  ['transaction_failed', 'The transaction failed on the chain; it kept its fee.'],
  ['not_sent', 'The transaction happened without this output.'],
  ['bounced', 'The recipient sent it back.'],
  ['never_landed', 'It was signed as often as it may be and got into no block.'],
  ['received_differs', 'Needs a person: the recipient got another amount than was meant.'],
  ['fee_above_reserve', 'Needs a person: the chain took more than was reserved for fee or tax.'],
  ['settlement_unclear', 'Needs a person: the settlement is not that of the payment.'],
  ['ledger_disagrees', 'Needs a person: the ledger holds something else under the ids of this payout.'],
] as const

/** Why a payout was refused, failed, or needs a person. */
export type PayoutReason = (typeof PAYOUT_REASONS)[number][0]

/** Brands the name of a reason. Throws `invalid.argument`. */
export function parsePayoutReason(text: string): PayoutReason {
  const found = PAYOUT_REASONS.find(([reason]) => reason === text)
  if (found === undefined) throw new EvegramError('invalid.argument', { operation: 'parse payout reason' })
  return found[0]
}
