/** A nonce that was or is to be used up. */
export interface NonceUse {
  /** SHA-256 of the nonce, 32 bytes. */
  readonly key: Uint8Array
  /** When the nonce itself runs out, in ms since 1970: from then on it is refused without asking the store. */
  readonly expiresAtMs: number
}

/**
 * Which nonces were used. Of any number of concurrent `consume` calls for one key exactly one resolves `consumed`, on all nodes
 * together, and that answer survives every crash: resolved = synced. Nonces used in `AccountStore.append` are in the same set.
 */
export interface NonceStore {
  /** Uses the nonce up if nobody did. Rejects with `unavailable.store`; then it may or may not be used. */
  consume(nonce: NonceUse): Promise<'consumed' | 'used'>
  /** Whether the nonce is used, as far as this node knows: `false` may be outdated, `true` never is. */
  isUsed(key: Uint8Array): Promise<boolean>
  /**
   * Forgets at most `limit` nonces that ran out before `beforeMs`; returns how many. A store may forget them by itself instead, no earlier than
   * `AUTH_LIMITS.usedNonceMarginMs` after they ran out; a sweep then forgets none.
   */
  sweep(beforeMs: number, limit: number): Promise<number>
}
