/** Where a transaction of an account is, with its hash: no other can be there. `lt` 0n: before the first. */
export interface TransactionPlace {
  readonly lt: bigint
  /** Hex. */
  readonly hash: string
}
