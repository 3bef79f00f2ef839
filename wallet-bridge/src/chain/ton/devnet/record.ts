import type { TonTransaction } from '../transaction.js'

/** A block of the base workchain. */
export interface ShardBlock {
  readonly seqno: number
  /** Hex of 32 bytes. */
  readonly rootHash: string
  readonly seconds: number
  readonly startLt: bigint
  readonly endLt: bigint
  /** The block before it. */
  readonly previous: ShardBlock | undefined
  readonly records: readonly TransactionRecord[]
}

/** A block of the masterchain: it names the newest block of the shard. */
export interface MasterBlock {
  readonly seqno: number
  readonly rootHash: string
  readonly previousHash: string
  readonly seconds: number
  readonly endLt: bigint
  /** The shard blocks that are in it, oldest first; the last is the one that it names. */
  readonly shardBlocks: readonly ShardBlock[]
}

/** A transaction that happened. */
export interface TransactionRecord {
  /** `workchain:hex`. */
  readonly account: string
  readonly transaction: TonTransaction
}
