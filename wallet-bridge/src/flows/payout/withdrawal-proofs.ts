import type { AccountId } from '@evegram/protocol'
import type { Amount } from '../../ledger/amount.js'
import type { PayoutAsked } from './payout.js'

/** What a wallet must have signed for a withdrawal: nothing of it may be another one's. */
export type WithdrawalClaim = PayoutAsked

/** Bytes of a proof: those of TON carry the contract of the wallet. */
export const WITHDRAWAL_PROOF_BYTES_MAX = 16_384

/** `within`: allowed without a proof as long as all that the account asked for of the asset within a day, this included, stays within the amount. */
export type WithdrawalAnswer = 'valid' | 'invalid' | { readonly status: 'within'; readonly accountDayMax: Amount }

/**
 * Whether the owner of an account allowed a withdrawal. Asked before anything is stored or reserved. An implementation answers `valid` only for a proof by a
 * wallet of the account that names every field of the claim; it alone knows of exceptions (the founding wallet, under a daily limit).
 */
export interface WithdrawalProofs {
  /** Whether `proof` allows exactly `claim`. Asking again for the same claim gives the same answer. Rejects `unavailable.*`; a proof that does not parse is `invalid`. */
  check(claim: WithdrawalClaim, proof: Uint8Array): Promise<WithdrawalAnswer>
}

/** What is known of the owner of an account. */
export interface AccountChanges {
  /** When a device or wallet was added last, in ms since 1970; undefined: never since the account was made. Rejects `unavailable.*`. */
  lastAddedMs(account: AccountId): Promise<number | undefined>
}
