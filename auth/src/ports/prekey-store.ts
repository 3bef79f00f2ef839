import type { AccountId, DeviceId } from '@evegram/protocol'

/** Public half of a one-time prekey: id from 1, 33 bytes. */
export interface OneTimePrekey {
  readonly id: number
  readonly publicKey: Uint8Array
}

/** A signed prekey: XEdDSA signature (64 bytes) by the identity key, Ed25519 signature (64 bytes) by the signing key. */
export interface SignedPrekey extends OneTimePrekey {
  readonly signature: Uint8Array
  /** Ms since 1970, as the device says. */
  readonly createdAtMs: number
  readonly deviceSignature: Uint8Array
}

/** Keys of one upload. */
export interface PublishedPrekeys {
  readonly signedPrekey: SignedPrekey
  readonly oneTimePrekeys: readonly OneTimePrekey[]
}

/** Answer of {@link PrekeyStore.publish}. */
export type PublishOutcome =
  | { readonly status: 'published'; readonly oneTimeRemaining: number }
  /** A one-time id was published before, whether it was handed out or not; nothing changed. */
  | { readonly status: 'id_seen'; readonly id: number }
  /** There would be more one-time keys than allowed; nothing changed. */
  | { readonly status: 'too_many'; readonly oneTimeRemaining: number }
  /** The device was removed for good. */
  | { readonly status: 'removed' }

/** What is stored for a device. */
export interface PrekeyStatus {
  readonly signedPrekey: SignedPrekey
  readonly oneTimeRemaining: number
}

/** What one fetch takes. */
export interface TakenPrekeys {
  readonly signedPrekey: SignedPrekey
  /** Absent when none is left, or no more than were to be kept. */
  readonly oneTimePrekey: OneTimePrekey | undefined
  readonly oneTimeRemaining: number
}

/**
 * Public prekeys of devices. A one-time key is handed out at most once: of any number of concurrent `take` calls no two resolve with
 * the same key, on all nodes together and across crashes (resolved = synced; a crash may lose a key, never give it twice).
 * One-time keys are taken in the order of their ids. All calls may reject with `unavailable.store`.
 */
export interface PrekeyStore {
  /** Replaces the signed prekey and adds one-time keys, all or nothing. Ids of one call are distinct. */
  publish(account: AccountId, device: DeviceId, keys: PublishedPrekeys, oneTimeMax: number): Promise<PublishOutcome>
  /** Undefined when the device never published or was removed. */
  status(account: AccountId, device: DeviceId): Promise<PrekeyStatus | undefined>
  /** Takes the oldest one-time key if more than `keep` are left. Undefined as for `status`. */
  take(account: AccountId, device: DeviceId, keep: number): Promise<TakenPrekeys | undefined>
  /** Removes all keys of a device for good: a written state, `publish` is refused from then on. */
  remove(account: AccountId, device: DeviceId): Promise<void>
}
