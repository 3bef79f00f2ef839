import type { AccountId, DeviceId } from '@evegram/protocol'

/** What the engine needs to know of an account. */
export interface AccountSummary {
  readonly account: AccountId
  /** Version of the account log. */
  readonly seq: number
  /** Head of the account log behind entry `seq`, 32 bytes. */
  readonly head: Uint8Array
  /** Active devices only. */
  readonly devices: readonly { readonly device: DeviceId; readonly signingKey: Uint8Array }[]
  readonly closed: boolean
}

/** Who presents a valid access token. */
export interface TokenHolder {
  readonly account: AccountId
  readonly device: DeviceId
  readonly expiresAtMs: number
}

/** The engine's window on `auth`. Bound to functions in standalone, to auth's internal HTTP listener in a cluster. */
export interface AccountDirectory {
  /** Undefined when the account does not exist. Rejects with `unavailable.auth`. Linearizable with account changes; callers cache under a 1 s lease. */
  summary(account: AccountId): Promise<AccountSummary | undefined>
  /** Verifies signature, audience `engine`, expiry and revocation. Throws `auth.token_invalid`, `auth.token_expired`, `auth.token_revoked`. */
  verifyToken(token: string): Promise<TokenHolder>
  /**
   * Calls back after an account log changed or a session was revoked, on every node within 2 s: with the change, or with `resync` when word of one may
   * have been lost. Returns the unsubscribe function.
   */
  onChange(listener: (change: AccountChange) => void): () => void
}

/** What happened to one account. */
export type AccountNews =
  | { readonly kind: 'log'; readonly account: AccountId; readonly seq: number; readonly revokedDevices: readonly DeviceId[]; readonly closed: boolean }
  | { readonly kind: 'session_revoked'; readonly account: AccountId; readonly device: DeviceId }
  /** The one-time prekeys of a device run low: it is told, if it is connected. */
  | { readonly kind: 'prekeys_low'; readonly account: AccountId; readonly device: DeviceId; readonly remaining: number }

/** `resync`: something may have happened to any account that nobody told: whoever is served is checked again. */
export type AccountChange = AccountNews | { readonly kind: 'resync' }
