import type { AccountId, DeviceId, WalletId } from '@evegram/protocol'
import type { ClaimedHead, FetchedBundle, LogPage } from '@evegram/sdk/parts'

/** What auth would answer the asking device honestly. Rejects as auth and the network between do. */
export interface HonestAuth {
  logPage(account: AccountId, after: number): Promise<LogPage>
  accountOfWallet(wallet: WalletId): Promise<ClaimedHead | undefined>
}

/**
 * A malicious server between auth and devices: each of these questions passes here, and what it resolves or rejects with is what the device
 * is told. `device` is the machine of the device that asks.
 */
export interface AuthMeddler {
  /** Entries of the log of `account` behind entry `after`. */
  logPage(device: string, account: AccountId, after: number, honest: HonestAuth): Promise<LogPage>
  /** The account that a wallet belongs to. */
  accountOfWallet(device: string, wallet: WalletId, honest: HonestAuth): Promise<ClaimedHead | undefined>
  /** A bundle of the device `target`. `honest` takes one, and with it a one-time prekey. */
  fetchBundle(device: string, account: AccountId, target: DeviceId, honest: () => Promise<FetchedBundle>): Promise<FetchedBundle>
}
