import type { DeviceId } from '@evegram/protocol'

/** The public half of a one-time prekey, as uploaded and as handed out. */
export interface OneTimePreKey {
  readonly id: number
  /** 33 bytes. */
  readonly publicKey: Uint8Array
}

/** A signed prekey, as uploaded and as handed out. */
export interface SignedPreKey {
  readonly id: number
  readonly createdAtMs: number
  /** 33 bytes. */
  readonly publicKey: Uint8Array
  /** XEdDSA by the identity key over the 33 bytes of the public key. */
  readonly signature: Uint8Array
  /** Ed25519 by the device's signing key over {@link signedPreKeyBytes}. */
  readonly deviceSignature: Uint8Array
}

/** What the server hands out to start a session with a device. Untrusted until {@link verifyBundle} accepted it. */
export interface PreKeyBundle {
  readonly device: DeviceId
  readonly registrationId: number
  readonly identityKey: Uint8Array
  readonly signedPreKey: SignedPreKey
  /** Absent when the device has none left: the session starts with three Diffie-Hellman agreements instead of four. */
  readonly oneTimePreKey?: OneTimePreKey
}
