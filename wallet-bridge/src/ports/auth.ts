import type { AccountId, DeviceId, ErrorCode } from '@evegram/protocol'

/** Who makes a request. */
export interface Caller {
  readonly account: AccountId
  readonly device: DeviceId
}

/** A request with `Authorization: DPoP` as it came. */
export interface SignedRequest {
  readonly token: string
  /** The DPoP proof. */
  readonly proof: string | undefined
  readonly method: string
  /** The configured origin, and the path without its query: never from a header. */
  readonly url: string
}

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
 * What sign-in knows and the wallet bridge asks.
 *
 * - Nothing is remembered: each answer is as of the question, so that what was revoked or added counts at once.
 * - Failure: whatever is not a verdict rejects `unavailable.auth` (over HTTP) or `unavailable.store` (in one process); nothing is allowed then.
 */
export interface WallyAuth {
  /** Who made a request; its DPoP proof is used up. Rejects `auth.token_*`, `auth.dpop*`, `limited.rate`. */
  callerOf(request: SignedRequest): Promise<Caller>
  /** Whose an account is; undefined for one that nobody has. */
  owner(account: AccountId): Promise<AccountOwner | undefined>
  /** Whether an active wallet of the account allowed exactly what the hash stands for. The same question gets the same answer while its proof is fresh. */
  verifyWithdrawal(question: WithdrawalQuestion): Promise<{ readonly status: 'valid' } | { readonly status: 'refused'; readonly code: ErrorCode }>
}
