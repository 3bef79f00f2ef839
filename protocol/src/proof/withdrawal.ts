import { proofBodyHash } from './text.js'

/** What a wallet allows when it signs a proof of purpose `withdraw`: one payment, and no other. The account is in the proof itself. */
export interface WithdrawalTerms {
  /** The id that the client chose for this withdrawal. */
  readonly id: string
  /** Name of the chain, as the wallet bridge names it. */
  readonly chain: string
  readonly asset: string
  /** Decimal digits, in the smallest unit. */
  readonly amount: string
  /** The destination, in the one form that the wallet bridge prints it. */
  readonly to: string
  /** Bytes of the memo; absent without one. */
  readonly memo?: Uint8Array | undefined
}

/** The `bodyHash` of a proof of purpose `withdraw`: SHA-256 of the deterministic CBOR of `{v: 1, id, chain, asset, amount, to, memo?}`, 32 bytes. */
export function withdrawalBodyHash({ id, chain, asset, amount, to, memo }: WithdrawalTerms): Uint8Array {
  const body = { v: 1, id, chain, asset, amount, to }
  return proofBodyHash(memo === undefined ? body : { ...body, memo })
}
