import {
  activeDevices, activeWallets, CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseDeviceId,
  type AccountId, type AccountState, type DeviceId,
} from '@evegram/protocol'
import type { StoreChange } from '../store/local-store.js'
import type { Transaction } from './transaction.js'

/** The wallets and devices of an account that its owner's safety number was compared for. */
export interface VerifiedSet {
  readonly wallets: readonly string[]
  readonly devices: readonly DeviceId[]
}

/** Start of the keys of verified marks in table `accounts`; the account follows. */
export const VERIFIED_PREFIX = 'verified/'

function verifiedKey(account: AccountId): string {
  return `${VERIFIED_PREFIX}${account}`
}

/** The set of `account` that the user marked as verified, if it still stands. */
export async function readVerified(store: Pick<Transaction, 'get'>, account: AccountId): Promise<VerifiedSet | undefined> {
  const row = await store.get('accounts', verifiedKey(account))
  if (row === undefined) return undefined
  const fields = new CborFields(decodeCbor(row, 262_144), 'client.store')
  return {
    wallets: fields.list('wallets', 4_096).map((wallet) => (typeof wallet === 'string' ? wallet : fields.fail('wallet'))),
    devices: fields.list('devices', 4_096).map((id) => parseDeviceId(id instanceof Uint8Array ? hexOf(id) : fields.fail('device'))),
  }
}

/** The write that stores `set` as verified; undefined: nothing is verified. */
export function verifiedChange(account: AccountId, set: VerifiedSet | undefined): StoreChange {
  const value = set === undefined ? undefined : encodeCbor({ wallets: set.wallets, devices: set.devices.map((device) => idBytes(device)) })
  return { table: 'accounts', key: verifiedKey(account), value }
}

/** The set that `state` is now. */
export function verifiedSetOf(state: AccountState): VerifiedSet {
  return { wallets: activeWallets(state), devices: activeDevices(state) }
}

/**
 * What "verified" means after an account changed: undefined when it no longer holds. Removing wallets or devices keeps it; a new
 * device keeps it only when a verified device signed for it; a new wallet never does, since it can add devices.
 */
export function carryVerified(before: VerifiedSet, state: AccountState): VerifiedSet | undefined {
  const after = verifiedSetOf(state)
  if (after.wallets.some((wallet) => !before.wallets.includes(wallet))) return undefined
  const trusted = new Set(before.devices)
  // In the order in which they were added: a device that was approved may approve the next one.
  for (const device of after.devices) {
    if (trusted.has(device)) continue
    const approvedBy = state.devices.get(device)?.approvedBy
    if (approvedBy === undefined || !trusted.has(approvedBy)) return undefined
    trusted.add(device)
  }
  return after
}
