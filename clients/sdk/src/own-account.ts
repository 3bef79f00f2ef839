import type { DeviceId, LogKind } from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'

/** A device of the own account. */
export interface OwnDevice {
  readonly device: DeviceId
  readonly active: boolean
  /** When a wallet attested it last, in ms since 1970. */
  readonly attestedAtMs: number
}

/** One entry of the log that the own account is. */
export interface OwnLogEntry {
  readonly seq: number
  readonly kind: LogKind
  /** When it was made, in ms since 1970, as its author says. */
  readonly atMs: number
  /** Its bytes, as docs/protocol.md section 7 has them. */
  readonly entry: Uint8Array
}

/** A wallet of the own account. */
export interface OwnWallet {
  readonly address: string
  readonly chain: Chain
  /** The wallet that the account was made with. */
  readonly founding: boolean
  readonly active: boolean
}

/** What two people compare, and what it covers. */
export interface Verification {
  /** 60 digits, the same on both sides. */
  readonly safetyNumber: string
  /** Active devices of the peer. */
  readonly devices: readonly DeviceId[]
  /** The user marked this set of wallets and devices as verified, and nothing joined it since. */
  readonly verified: boolean
}
