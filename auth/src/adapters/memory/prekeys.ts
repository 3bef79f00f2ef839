import type { AccountId, DeviceId } from '@evegram/protocol'
import { includesId, withIds, type IdRanges } from '../../id-ranges.js'
import type { OneTimePrekey, PrekeyStatus, PublishedPrekeys, PublishOutcome, SignedPrekey, TakenPrekeys } from '../../ports/prekey-store.js'

interface DeviceKeys {
  /** Undefined once the device was removed. */
  readonly signedPrekey: SignedPrekey | undefined
  /** Every one-time id that was ever published. */
  readonly seen: IdRanges
  /** Not handed out yet, in the order of their ids. */
  readonly oneTime: readonly OneTimePrekey[]
}

/** Public prekeys in memory. Every method is one step that nothing can come between. */
export class MemoryPrekeys {
  readonly #devices = new Map<string, DeviceKeys>()

  /** Replaces the signed prekey and adds one-time keys, all or nothing. */
  publish(account: AccountId, device: DeviceId, keys: PublishedPrekeys, oneTimeMax: number): PublishOutcome {
    const known = this.#devices.get(nameOf(account, device))
    if (known !== undefined && known.signedPrekey === undefined) return { status: 'removed' }
    const { seen, oneTime } = known ?? { seen: [], oneTime: [] }
    const repeated = keys.oneTimePrekeys.find(({ id }) => includesId(seen, id))
    if (repeated !== undefined) return { status: 'id_seen', id: repeated.id }
    const nowSeen = withIds(seen, keys.oneTimePrekeys.map(({ id }) => id))
    const all = [...oneTime, ...keys.oneTimePrekeys].sort((one, other) => one.id - other.id)
    if (all.length > oneTimeMax || nowSeen === undefined) return { status: 'too_many', oneTimeRemaining: oneTime.length }
    this.#devices.set(nameOf(account, device), { signedPrekey: keys.signedPrekey, seen: nowSeen, oneTime: all })
    return { status: 'published', oneTimeRemaining: all.length }
  }

  /** Undefined when the device never published or was removed. */
  status(account: AccountId, device: DeviceId): PrekeyStatus | undefined {
    const known = this.#devices.get(nameOf(account, device))
    return known?.signedPrekey === undefined ? undefined : { signedPrekey: known.signedPrekey, oneTimeRemaining: known.oneTime.length }
  }

  /** Takes the oldest one-time key if more than `keep` are left. Undefined as for `status`. */
  take(account: AccountId, device: DeviceId, keep: number): TakenPrekeys | undefined {
    const known = this.#devices.get(nameOf(account, device))
    if (known?.signedPrekey === undefined) return undefined
    const { signedPrekey, oneTime } = known
    if (oneTime.length <= keep) return { signedPrekey, oneTimePrekey: undefined, oneTimeRemaining: oneTime.length }
    const [oneTimePrekey, ...left] = oneTime
    this.#devices.set(nameOf(account, device), { ...known, oneTime: left })
    return { signedPrekey, oneTimePrekey, oneTimeRemaining: left.length }
  }

  /** Removes all keys of a device for good. */
  remove(account: AccountId, device: DeviceId): void {
    const seen = this.#devices.get(nameOf(account, device))?.seen ?? []
    this.#devices.set(nameOf(account, device), { signedPrekey: undefined, seen, oneTime: [] })
  }
}

function nameOf(account: AccountId, device: DeviceId): string {
  return `${account}.${device}`
}
