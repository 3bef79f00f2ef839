/**
 * Names of DPoP proofs that were used. Volatile: it may forget everything at any time, after which a proof that is still fresh could be used once
 * more by who also holds its token; wallet proofs never rest on it (their nonces are in the store). Processes that share the memory accept
 * a proof once among them.
 */
export interface UsedProofs {
  /**
   * Whether the name is new; it is remembered then for as long as its proof would be accepted. Rejects `limited.queue` when the memory of this
   * process is full: forgetting would let a replay through.
   */
  use(name: string): Promise<boolean>
}
