import type { AccountId, DeviceId, WalletId } from '@evegram/protocol'
import type { ClaimedHead, FetchedBundle, LogPage } from '@evegram/sdk/parts'
import type { LiarKeys } from './liar-keys.js'
import type { ServerNames, ShownLog } from './shown-log.js'

/** Tools for lies of auth. */
export interface AuthTools {
  readonly server: ServerNames
  /** The liar's own wallet, devices and account, made when they are first asked for. */
  readonly keys: LiarKeys
  /** The first bundle with a one-time prekey that anybody got of this device. */
  firstBundle(target: DeviceId): FetchedBundle | undefined
  /** Number of the newest entry of an account that this device was shown before; 0 for none. */
  shownSeq(device: string, account: AccountId): number
  /** A device was shown a history that nobody else has, and pins it: it can never believe the true one. */
  pinned(device: string, account: AccountId): void
}

/** The part of a lie that is told by auth. A hook that is absent is honest. What rejects has the device refused with that error. */
export interface AuthLie {
  /** What is shown in place of the log of an account; `undefined`: the truth, which is `known`, absent where there is no such account. */
  readonly log?: (device: string, account: AccountId, known: ShownLog | undefined) => Promise<ShownLog | undefined>
  /** What is answered for a wallet, or `pass` for the truth. `known`: the log of the account that it leads to. */
  readonly wallet?: (device: string, wallet: WalletId, known: ShownLog | undefined) => Promise<ClaimedHead | undefined | 'pass'>
  /** What is handed out in place of a bundle. */
  readonly bundle?: (device: string, bundle: FetchedBundle) => Promise<FetchedBundle>
}

/** The page of a log behind entry `after`. */
export function pageOf({ entries, account, seq, head }: ShownLog, after: number): LogPage {
  return { account, seq, head, entries: entries.slice(after), more: false }
}
