import type { AccountId, AccountState, DeviceId, EvegramError, LogDevice, WalletId } from '@evegram/protocol'

/** An account whose log was verified from its first entry, as far as `state.seq`. */
export interface VerifiedAccount {
  readonly account: AccountId
  readonly seq: number
  /** 32 bytes. */
  readonly head: Uint8Array
  readonly state: AccountState
  /** When the server last confirmed that this is its newest state, in ms since 1970 (server clock); 0: not since this process started. */
  readonly confirmedAtMs: number
  /** When that was asked for, on the monotonic clock of this process in ms; undefined: not since it started. */
  readonly askedMonotonicMs: number | undefined
}

/** An address followed to its account. */
export interface ResolvedAddress {
  readonly walletId: WalletId
  /** The address as it is printed. */
  readonly address: string
  readonly verified: VerifiedAccount
  /** This profile knew the address under another account before: to be shown like a changed identity. */
  readonly changedFrom?: AccountId
}

/** A device that messages may be encrypted for. */
export interface AttestedDevice extends LogDevice {
  readonly account: AccountId
  readonly device: DeviceId
}

/** A verified step of an account log, before it is committed. */
export interface AccountUpdate {
  /** Undefined for an account seen for the first time. */
  readonly before: AccountState | undefined
  readonly after: AccountState
}

/** What a head named inside a payload told. */
export type HeadCheck =
  /** It lies on the verified log. */
  | { readonly status: 'known'; readonly verified: VerifiedAccount }
  /** The server does not show a log that reaches it: `account.log_withheld`. */
  | { readonly status: 'withheld'; readonly error: EvegramError }
  /** The verified log has another head at that number: two histories exist, or the sender lies. `account.log_rolled_back`. */
  | { readonly status: 'forked'; readonly error: EvegramError }

/**
 * Follows addresses to accounts to devices and believes no server on the way: identity.md section 3. The last verified (seq, head,
 * state) of each account is durable before it is returned, so that a log which does not extend it is found after a restart too.
 *
 * Rejects with `account.not_found`, `account.mismatch` (the log does not hold the wallet), `account.log_invalid` (details: `seq`,
 * `rule`, `reason`), `account.log_rolled_back`, `account.log_withheld`, `account.closed`, `invalid.address`, or as the API and the
 * store do. A rejection changes nothing.
 */
export interface AccountVerifier {
  /** Follows an address as its chain writes it: to its account, whose log must hold the wallet as active. Always asks the server. */
  resolveAddress(address: string): Promise<ResolvedAddress>
  /** Brings an account up to date. Calls at one time share one request; one confirmed within `maxAgeMs` (default 0) makes none. */
  refresh(account: AccountId, options?: { readonly maxAgeMs?: number }): Promise<VerifiedAccount>
  /** What was verified last, without asking the server; undefined for an unknown account. */
  known(account: AccountId): Promise<VerifiedAccount | undefined>
  /** Checks a (seq, head) that a payload names. Asks the server only when it is news. Rejects as `refresh` does. */
  expectHead(account: AccountId, seq: number, head: Uint8Array): Promise<HeadCheck>
  /**
   * Devices to encrypt for, as verified last (asks the server for an unknown account): active, attested less than 400 days ago;
   * none of a closed account.
   */
  attestedDevices(account: AccountId): Promise<readonly AttestedDevice[]>
  /** The alarm of the last refresh of an account, until one succeeds: sending to it stops meanwhile. */
  alarm(account: AccountId): EvegramError | undefined
}
