import type { VersionedTransaction } from '@solana/web3.js'
import { mintOf, tokenAccountOf } from '../token-layout.js'
import type { TransactionErrorJson } from './transaction-error.js'
import type { VmAccount, VmInnerInstruction } from './vm.js'

/** How sure a node is: in the slot that is being filled, in a block, in a block that stays. */
export type Commitment = 'processed' | 'confirmed' | 'finalized'

/** A block; the newest one is still being filled and has no hash before it is closed. */
export interface Block {
  slot: number
  readonly parentSlot: number
  /** Counts blocks, where `slot` also counts turns that nobody used. */
  readonly height: number
  readonly previousHash: string
  hash: string
  timeSeconds: number
  readonly records: TransactionRecord[]
}

/** A balance of a token account. */
export interface TokenBalance {
  readonly accountIndex: number
  readonly mint: string
  readonly owner: string
  readonly program: string
  readonly amount: bigint
  readonly decimals: number
}

/** A transaction that landed. */
export interface TransactionRecord {
  readonly signature: string
  readonly wire: Uint8Array
  readonly transaction: VersionedTransaction
  readonly keys: readonly string[]
  readonly block: Block
  readonly error: TransactionErrorJson | null
  readonly logs: readonly string[]
  readonly inner: readonly (readonly VmInnerInstruction[])[]
  readonly unitsConsumed: number
  readonly fee: bigint
  readonly pre: readonly bigint[]
  readonly post: readonly bigint[]
  readonly preTokens: readonly TokenBalance[]
  readonly postTokens: readonly TokenBalance[]
  /** As `getSignaturesForAddress` writes it. */
  readonly memo: string | null
  /** The writable accounts as they were before. */
  readonly before: ReadonlyMap<string, VmAccount | undefined>
}

/** The token balances among accounts of a transaction; `mintAccount` looks mints up. */
export function tokenBalancesOf(
  keys: readonly string[], accounts: ReadonlyMap<string, VmAccount | undefined>, mintAccount: (mint: string) => VmAccount | undefined,
): readonly TokenBalance[] {
  return keys.flatMap((key, accountIndex) => {
    const account = accounts.get(key)
    const token = account === undefined ? undefined : tokenAccountOf(account.owner, account.data)
    if (account === undefined || token === undefined) return []
    const mint = mintAccount(token.mint)
    const decimals = (mint === undefined ? undefined : mintOf(mint.owner, mint.data))?.decimals ?? 0
    return [{ accountIndex, mint: token.mint, owner: token.owner, program: account.owner, amount: token.amount, decimals }]
  })
}
