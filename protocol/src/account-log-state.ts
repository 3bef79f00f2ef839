import { emptyHead } from './account-log-entry.js'
import type { AccountId, DeviceId, WalletId } from './ids.js'
import { LIMITS } from './limits.js'

/** A wallet in an account. */
export interface LogWallet {
  readonly active: boolean
  /** Entry that linked it last; 1 for the founding wallet. */
  readonly linkedAtSeq: number
}

/** A device in an account. */
export interface LogDevice {
  /** libsignal identity key, 33 bytes. */
  readonly identityKey: Uint8Array
  /** Ed25519 public key, 32 bytes. */
  readonly signingKey: Uint8Array
  readonly registrationId: number
  /** Entry that added it. */
  readonly addedSeq: number
  /** `Issued At` of the newest wallet proof for it, in ms since 1970. */
  readonly attestedAtMs: number
  /** False once it was revoked or the account closed; it never becomes true again. */
  readonly active: boolean
  /** The old device that approved it, if one did. */
  readonly approvedBy?: DeviceId
}

/** What an account log says up to entry `seq`. Immutable: every entry gives a new state. */
export interface AccountState {
  readonly account: AccountId
  /** Number of the last entry, 0 without entries. */
  readonly seq: number
  /** Head behind that entry, 32 bytes; zeros without entries. */
  readonly head: Uint8Array
  /** Absent before the first entry. */
  readonly foundingWallet?: WalletId
  readonly wallets: ReadonlyMap<WalletId, LogWallet>
  /** Revoked devices stay, so that they cannot return. */
  readonly devices: ReadonlyMap<DeviceId, LogDevice>
  /** New devices need the signature of an active one. */
  readonly approveDevices: boolean
  readonly closed: boolean
}

/** The state of an account before its first entry. */
export function emptyAccountState(account: AccountId): AccountState {
  return { account, seq: 0, head: emptyHead(), wallets: new Map(), devices: new Map(), approveDevices: false, closed: false }
}

/** The active device of that id, or undefined when it is unknown or revoked. */
export function activeDevice(state: AccountState, device: DeviceId): LogDevice | undefined {
  const found = state.devices.get(device)
  return found?.active === true ? found : undefined
}

/** Whether the wallet proof for a device is young enough to encrypt for it: at most `LIMITS.attestationMs` old. Owners renew at half of that. */
export function isAttestationFresh(device: LogDevice, nowMs: number): boolean {
  return nowMs - device.attestedAtMs <= LIMITS.attestationMs
}

/** Ids of the active devices, in the order in which they were added. */
export function activeDevices(state: AccountState): DeviceId[] {
  return [...state.devices].filter(([, { active }]) => active).map(([device]) => device)
}

/** The active wallets, founding wallet first, then in the order in which they were first linked. */
export function activeWallets(state: AccountState): WalletId[] {
  return [...state.wallets].filter(([, { active }]) => active).map(([wallet]) => wallet)
}
