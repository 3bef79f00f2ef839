import type { AccountId, AccountState, LogHead, WalletId } from '@evegram/protocol'
import type { NonceUse } from './nonce-store.js'

/** One verified entry to append, with all that must change together with it. */
export interface AppendRequest {
  /** State that the entry was verified against. */
  readonly before: AccountState
  /** State behind the entry: `after.seq` = `before.seq` + 1. */
  readonly after: AccountState
  /** The encoded entry. */
  readonly entry: Uint8Array
  /** Nonces of its wallet proofs. */
  readonly nonces: readonly NonceUse[]
  /** Wallets that belong to the account from now on. */
  readonly bind: readonly WalletId[]
  /** Wallets that belong to no account from now on. */
  readonly release: readonly WalletId[]
}

/** What became of an append; only `appended` changed anything. */
export type AppendOutcome =
  | { readonly status: 'appended' }
  /** The log does not end at `before` any more. */
  | ({ readonly status: 'conflict' } & LogHead)
  | { readonly status: 'nonce_used' }
  /** A wallet of `bind` belongs to another account. */
  | { readonly status: 'wallet_taken' }

/** Some consecutive entries of a log. */
export interface EntriesPage {
  readonly entries: readonly Uint8Array[]
  readonly more: boolean
}

/**
 * Logs of accounts, their newest state, and which account a wallet belongs to.
 *
 * - `append` is one atomic step: entry, state, wallets and nonces change together or not at all. Of concurrent appends to one head
 *   exactly one is `appended`; of concurrent appends with one nonce exactly one; a wallet is bound to at most one account.
 * - Resolved = synced. A released wallet and a closed account are written states, never missing rows.
 * - Reads see every append that resolved before. All calls may reject with `unavailable.store`; an append that rejects may have happened.
 */
export interface AccountStore {
  /** The newest state, undefined for an account without entries. */
  read(account: AccountId): Promise<AccountState | undefined>
  /** The account to which the wallet is bound now. */
  accountOfWallet(wallet: WalletId): Promise<AccountId | undefined>
  /** Entries with seq > `after`, oldest first: at most `entriesMax`, and no entry more once `bytesMax` is reached. */
  entries(account: AccountId, after: number, limits: { readonly entriesMax: number; readonly bytesMax: number }): Promise<EntriesPage>
  append(request: AppendRequest): Promise<AppendOutcome>
}
