import { lengthPrefixed, uint64Of } from './bytes.js'
import { idBytes, type AccountId, type DeviceId } from './ids.js'

/** What the signing key of a device signs to open a session: lp("evegram/session/v1") lp(domain) lp(nonce) lp(account16) lp(device16). */
export function sessionRequestBytes(fields: {
  /** The configured domain, as `domainOf` writes it. */
  readonly domain: string
  /** Nonce of a challenge for purpose `session` and this device. */
  readonly nonce: string
  readonly account: AccountId
  readonly device: DeviceId
}): Uint8Array<ArrayBuffer> {
  return lengthPrefixed('evegram/session/v1', fields.domain, fields.nonce, idBytes(fields.account), idBytes(fields.device))
}

/** What the signing key of a device signs under its signed prekey: lp("evegram/prekey/v1") lp(device16) lp(id u64) lp(createdAtMs u64) lp(public key, 33 bytes). */
export function signedPrekeyBytes(fields: {
  readonly device: DeviceId
  readonly id: number
  /** Ms since 1970. */
  readonly createdAtMs: number
  readonly publicKey: Uint8Array
}): Uint8Array<ArrayBuffer> {
  return lengthPrefixed('evegram/prekey/v1', idBytes(fields.device), uint64Of(fields.id), uint64Of(fields.createdAtMs), fields.publicKey)
}
