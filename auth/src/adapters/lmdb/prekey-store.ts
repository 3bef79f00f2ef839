import type { AccountId, DeviceId } from '@evegram/protocol'
import type { Database, RootDatabase } from 'lmdb'
import { includesId, withIds, type IdRanges } from '../../id-ranges.js'
import type {
  OneTimePrekey, PrekeyStatus, PrekeyStore, PublishedPrekeys, PublishOutcome, SignedPrekey, TakenPrekeys,
} from '../../ports/prekey-store.js'
import { commit } from './commit.js'

/** What is known of a device beside its one-time keys. */
interface DeviceRow {
  /** Null once the device was removed. */
  readonly signedPrekey: SignedPrekey | null
  /** Every one-time id that was ever published. */
  readonly seen: IdRanges
  readonly remaining: number
}

/**
 * {@link PrekeyStore} on LMDB: `['s', account, device]` -> device row, `['k', account, device, id]` -> a one-time key not handed out yet.
 */
export class LmdbPrekeyStore implements PrekeyStore {
  readonly #rows: Database<DeviceRow | Uint8Array>

  constructor(environment: RootDatabase) {
    this.#rows = environment.openDB<DeviceRow | Uint8Array>({ name: 'auth-prekeys', encoding: 'msgpack' })
  }

  publish(account: AccountId, device: DeviceId, keys: PublishedPrekeys, oneTimeMax: number): Promise<PublishOutcome> {
    return commit(this.#rows, 'publish prekeys', (): PublishOutcome => {
      const row = this.#row(account, device)
      if (row?.signedPrekey === null) return { status: 'removed' }
      const seen = row?.seen ?? []
      const repeated = keys.oneTimePrekeys.find(({ id }) => includesId(seen, id))
      if (repeated !== undefined) return { status: 'id_seen', id: repeated.id }
      const remaining = (row?.remaining ?? 0) + keys.oneTimePrekeys.length
      const nowSeen = withIds(seen, keys.oneTimePrekeys.map(({ id }) => id))
      if (remaining > oneTimeMax || nowSeen === undefined) return { status: 'too_many', oneTimeRemaining: row?.remaining ?? 0 }
      this.#rows.putSync(['s', account, device], { signedPrekey: keys.signedPrekey, seen: nowSeen, remaining })
      for (const { id, publicKey } of keys.oneTimePrekeys) this.#rows.putSync(['k', account, device, id], publicKey)
      return { status: 'published', oneTimeRemaining: remaining }
    })
  }

  async status(account: AccountId, device: DeviceId): Promise<PrekeyStatus | undefined> {
    const row = this.#row(account, device)
    if (row?.signedPrekey == null) return undefined
    return { signedPrekey: signedPrekeyOf(row.signedPrekey), oneTimeRemaining: row.remaining }
  }

  take(account: AccountId, device: DeviceId, keep: number): Promise<TakenPrekeys | undefined> {
    return commit(this.#rows, 'take prekeys', (): TakenPrekeys | undefined => {
      const row = this.#row(account, device)
      if (row?.signedPrekey == null) return undefined
      const signedPrekey = signedPrekeyOf(row.signedPrekey)
      const oneTimePrekey = row.remaining > keep ? this.#first(account, device) : undefined
      if (oneTimePrekey === undefined) return { signedPrekey, oneTimePrekey, oneTimeRemaining: row.remaining }
      const remaining = row.remaining - 1
      this.#rows.removeSync(['k', account, device, oneTimePrekey.id])
      this.#rows.putSync(['s', account, device], { ...row, remaining })
      return { signedPrekey, oneTimePrekey, oneTimeRemaining: remaining }
    })
  }

  remove(account: AccountId, device: DeviceId): Promise<void> {
    return commit(this.#rows, 'remove prekeys', () => {
      const row = this.#row(account, device)
      for (const key of [...this.#rows.getKeys(oneTimeRange(account, device))]) this.#rows.removeSync(key)
      this.#rows.putSync(['s', account, device], { signedPrekey: null, seen: row?.seen ?? [], remaining: 0 })
    })
  }

  #row(account: AccountId, device: DeviceId): DeviceRow | undefined {
    const row = this.#rows.get(['s', account, device])
    return row instanceof Uint8Array ? undefined : row
  }

  #first(account: AccountId, device: DeviceId): OneTimePrekey | undefined {
    for (const { key, value } of this.#rows.getRange({ ...oneTimeRange(account, device), limit: 1 })) {
      const id = Array.isArray(key) ? key[3] : undefined
      if (typeof id === 'number' && value instanceof Uint8Array) return { id, publicKey: Uint8Array.from(value) }
    }
    return undefined
  }
}

function oneTimeRange(account: AccountId, device: DeviceId): { readonly start: (string | number)[]; readonly end: (string | number)[] } {
  return { start: ['k', account, device, 0], end: ['k', account, device, Number.MAX_SAFE_INTEGER] }
}

/** msgpack gives Buffers that may share memory: plain arrays leave the adapter. */
function signedPrekeyOf(stored: SignedPrekey): SignedPrekey {
  return {
    id: stored.id, createdAtMs: stored.createdAtMs, publicKey: Uint8Array.from(stored.publicKey),
    signature: Uint8Array.from(stored.signature), deviceSignature: Uint8Array.from(stored.deviceSignature),
  }
}
