/** The tables of a profile. Keys are ASCII text; their order is byte order. */
export type StoreTable =
  /** Device keys, cursor, server identity, counters. */
  | 'meta'
  /** libsignal session records by device, sender keys of groups by conversation and device. */
  | 'sessions'
  /** Own one-time and signed prekeys with their private parts. */
  | 'prekeys'
  /** Verified account logs and pinned heads, by account. */
  | 'accounts'
  /** Conversations and their settings. */
  | 'conversations'
  /** Messages as shown, by conversation and order. */
  | 'messages'
  /** Message ids that were handled, with what became of them. */
  | 'handled'
  /** Chain heads and own numbering, by conversation, device and epoch. */
  | 'chains'
  /** Envelopes that wait for their acknowledgement, in sending order. */
  | 'outbox'
  /** Ciphertexts that could not be read yet, resend requests and their limits. */
  | 'healing'
  /** Payments that wait for the wallet bridge, the own account statement as far as it was followed, notices. */
  | 'payments'
  /** Channels that are followed: their keys, authors' logs, posts, gaps, and own posts that wait for the server. */
  | 'channels'
  /** Sealed files that wait for the server, and what is to be said with them. */
  | 'files'
  /** Registers of the account's state, and the transaction log of this device. */
  | 'state'
  /** Archives that are being imported and gaps that they named, devices that asked for history, the backup of this profile. */
  | 'history'

/** One write of a transaction: `undefined` removes the row (and is no error when there is none). */
export interface StoreChange {
  readonly table: StoreTable
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** Which rows to list: keys >= `from` and < `to`. */
export interface StoreRange {
  readonly from?: string
  readonly to?: string
  readonly reverse?: boolean
  readonly limit: number
}

/**
 * The local store of one profile: ordered tables of bytes with atomic commits.
 *
 * Atomicity: all changes of one `commit` are visible together or not at all, also after a crash of the process or of power.
 * Durability: a resolved commit survives both (a ratchet step that was used must never come back).
 * Order: commits take effect in the order of their calls; a read that starts after a commit resolved sees it.
 * Ownership: one process at a time; opening a second time fails with `conflict.profile_in_use` (details: `pid`).
 * Failure: rejects with `client.store`; the store is unchanged then.
 */
export interface LocalStore {
  get(table: StoreTable, key: string): Promise<Uint8Array | undefined>
  list(table: StoreTable, range: StoreRange): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]>
  commit(changes: readonly StoreChange[]): Promise<void>
  close(): Promise<void>
}
