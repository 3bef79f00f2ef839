import { SignalRefusal } from './signal-refusal.js'

/** Bytes of a Curve25519 public key as libsignal writes it: the type byte 0x05 and the 32-byte u-coordinate. */
export const PUBLIC_KEY_BYTES = 33

/** The u-coordinates below 2^255 - 19 whose points have an order that divides 8 (RFC 7748 section 6.1; curve and twist), little-endian. */
const LOW_ORDER_COORDINATES: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  2n ** 255n - 20n,
])

const FIELD = 2n ** 255n - 19n

function coordinateOf(key: Uint8Array): bigint {
  let value = 0n
  for (let index = key.length - 1; index >= 0; index--) value = (value << 8n) | BigInt(key[index] ?? 0)
  return value
}

/**
 * The 32-byte u-coordinate of `key` (33 bytes with type 0x05, or the bare 32). Refuses what X25519 itself would let through:
 * points of low order (the shared secret would be a constant) and other spellings of a coordinate, at or above the field prime:
 * the same secret under another name would let an old first message open a new session.
 * Throws {@link SignalRefusal} `malformed` or `low_order_key`.
 */
export function checkedPublicKey(key: Uint8Array): Uint8Array {
  const bare = key.length === PUBLIC_KEY_BYTES && key[0] === 5 ? key.subarray(1) : key
  if (bare.length !== 32) throw new SignalRefusal('malformed')
  const coordinate = coordinateOf(bare)
  // X25519 ignores the highest bit and reduces the rest (RFC 7748 section 5).
  if (LOW_ORDER_COORDINATES.has((coordinate % 2n ** 255n) % FIELD)) throw new SignalRefusal('low_order_key')
  if (coordinate >= FIELD) throw new SignalRefusal('malformed')
  return bare
}

/** Order of the prime subgroup of the curve (RFC 8032 section 5.1). */
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** Whether the S of an XEdDSA signature (64 bytes, the top bit is the sign of the key) is below the group order: S + L would verify too. */
export function hasCanonicalScalar(signature: Uint8Array): boolean {
  return signature.length === 64 && coordinateOf(signature.subarray(32)) % 2n ** 255n < GROUP_ORDER
}

/** `secret` unless all its bytes are zero (RFC 7748 section 6.1), without a branch on a single byte. Throws `low_order_key`. */
export function checkedSharedSecret(secret: Uint8Array): Uint8Array {
  let bits = 0
  for (const byte of secret) bits |= byte
  if (secret.length !== 32 || bits === 0) throw new SignalRefusal('low_order_key')
  return secret
}
