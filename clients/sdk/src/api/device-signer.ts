import type { AccountId, DeviceId } from '@evegram/protocol'

/** Proves possession of a device: signs hello, session requests and DPoP proofs. The private key stays behind it. */
export interface DeviceSigner {
  readonly account: AccountId
  readonly device: DeviceId
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array
  /** Ed25519 signature (64 bytes, RFC 8032) of `message`. */
  sign(message: Uint8Array): Uint8Array
}
