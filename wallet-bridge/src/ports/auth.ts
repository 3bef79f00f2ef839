import type { RequestAuth } from '@evegram/platform'
import type { AccountId, ErrorCode } from '@evegram/protocol'

/** Whose an account is. */
export interface AccountOwner {
  /** CAIP-10. */
  readonly foundingWallet: string
  /** When a device or wallet was added last, in ms since 1970; undefined: never since the account was made. */
  readonly lastAddedMs: number | undefined
  readonly closed: boolean
}

/** A wallet proof, and what it must be about. */
export interface WithdrawalQuestion {
  readonly account: AccountId
  /** `withdrawalBodyHash` of what is to be paid, 32 bytes. */
  readonly bodyHash: Uint8Array
  /** CBOR of a wallet proof: bytes of a stranger. */
  readonly proof: Uint8Array
}

/**
 * What sign-in knows and the wallet bridge asks. As of {@link RequestAuth}, nothing is remembered: each answer is as of the question, so that what was revoked or added
 * counts at once, and whatever is not a verdict rejects `unavailable.*`.
 */
export interface WallyAuth extends RequestAuth {
  /** Whose an account is; undefined for one that nobody has. */
  owner(account: AccountId): Promise<AccountOwner | undefined>
  /** Whether an active wallet of the account allowed exactly what the hash stands for. The same question gets the same answer while its proof is fresh. */
  verifyWithdrawal(question: WithdrawalQuestion): Promise<{ readonly status: 'valid' } | { readonly status: 'refused'; readonly code: ErrorCode }>
}
