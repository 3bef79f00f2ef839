import type { TerraEvent } from '../events.js'
import type { TerraTransaction } from './transaction.js'

/** A block. */
export interface TerraBlock {
  readonly height: number
  /** In capital hex, as the hashes of transactions. */
  readonly hash: string
  readonly previousHash: string
  readonly timeMs: number
  readonly transactions: readonly TerraTransaction[]
}

/** What a transaction did in a block. */
export interface TerraRecord {
  readonly transaction: TerraTransaction
  readonly height: number
  readonly timeMs: number
  /** 0: it happened. */
  readonly code: number
  readonly codespace: string
  /** Why it did not happen. */
  readonly log: string
  /** Of the checks and the fee; empty when it was not even admitted. */
  readonly admitted: readonly TerraEvent[]
  /** Of each message; empty when one failed. */
  readonly messages: readonly (readonly TerraEvent[])[]
  readonly gasUsed: number
}
