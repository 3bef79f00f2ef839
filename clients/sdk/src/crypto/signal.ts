import type { DeviceId } from '@evegram/protocol'
import type { PreKeyBundle } from './prekey-bundle.js'
import type { KeyPair, SignalPrimitives } from './primitives.js'
import type { SignalMessageType } from './signal-message.js'
import type { SignalStores } from './stores.js'

/**
 * The hardened Signal library (version 3: X3DH, Double Ratchet, XEdDSA). Session calls work on stores that answer at once and
 * throw `SignalRefusal` (or a library error that `refusalOf` knows) when they refuse; then nothing they wrote may be kept.
 */
export interface Signal {
  /** The arithmetic that this instance counts with. */
  readonly primitives: SignalPrimitives
  /** A fresh key pair, with randomness from the given port. */
  generateKeyPair(): Promise<KeyPair>
  /** XEdDSA signature (64 bytes) by a private key, over any bytes. */
  sign(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array>
  /** Whether an XEdDSA signature is good. False, never an error, for bytes that cannot be one. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>
  /** X3DH as initiator. Checks the identity and the signature of the signed prekey again. Archives an open session. */
  buildSession(stores: SignalStores, device: DeviceId, bundle: PreKeyBundle): Promise<void>
  encrypt(stores: SignalStores, device: DeviceId, plaintext: Uint8Array): Promise<{ readonly type: SignalMessageType; readonly bytes: Uint8Array }>
  decrypt(stores: SignalStores, device: DeviceId, type: SignalMessageType, bytes: Uint8Array): Promise<Uint8Array>
  hasOpenSession(stores: SignalStores, device: DeviceId): Promise<boolean>
  archiveSession(stores: SignalStores, device: DeviceId): Promise<void>
}
