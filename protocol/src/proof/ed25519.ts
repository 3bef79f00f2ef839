import { hexOf } from '../bytes.js'
import type { ProofPrimitives, SignatureStatus } from './primitives.js'

/** Bytes of an Ed25519 public key. */
export const ED25519_KEY_BYTES = 32
/** Bytes of an Ed25519 signature. */
export const ED25519_SIGNATURE_BYTES = 64

/** 2^255 - 19, little-endian: y coordinates are below it. */
const FIELD_PRIME = littleEndian(2n ** 255n - 19n)
/** Order of the prime subgroup, little-endian: S is below it (RFC 8032 section 5.1.7). */
const GROUP_ORDER = littleEndian(2n ** 252n + 27742317777372353535851937790883648493n)

/** y of the eight points whose order divides 8, little-endian hex: 1, p - 1, 0 and the two of order 8 (each for both signs of x). */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])
/** First bytes of {@link SMALL_ORDER_Y}: nearly all points are told from those by one byte. */
const SMALL_ORDER_FIRST: ReadonlySet<number> = new Set([...SMALL_ORDER_Y].map((y) => Number.parseInt(y.slice(0, 2), 16)))
/** y of the two points with x = 0: their sign bit must be clear, there is no negative zero. */
const ZERO_X_Y: ReadonlySet<string> = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  for (let index = 0, rest = value; index < 32; index++, rest >>= 8n) bytes[index] = Number(rest & 255n)
  return bytes
}

/** Whether the 32 bytes from `offset` on are below the bound. `lastMask`: the bits of the last, most significant byte that count. */
function isBelow(bytes: Uint8Array, bound: Uint8Array, offset = 0, lastMask = 0xff): boolean {
  const last = ((bytes[offset + 31] ?? 0) & lastMask) - (bound[31] ?? 0)
  if (last !== 0) return last < 0
  for (let index = 30; index >= 0; index--) {
    const difference = (bytes[offset + index] ?? 0) - (bound[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

// Copies are made with Uint8Array.from: the slice of a Node Buffer would share, and so change, the caller's bytes.
function yOf(point: Uint8Array): Uint8Array {
  const y = Uint8Array.from(point.subarray(0, 32))
  y[31] = (y[31] ?? 0) & 0x7f
  return y
}

/** Whether 32 bytes are the one encoding of a point, were it on the curve: y below p, no negative zero (RFC 8032 section 5.1.3). */
export function isCanonicalPoint(point: Uint8Array): boolean {
  if (!isBelow(point, FIELD_PRIME, 0, 0x7f)) return false
  return ((point[31] ?? 0) & 0x80) === 0 || !isSmallOrder(point) || !ZERO_X_Y.has(hexOf(yOf(point)))
}

/** Whether a canonical point has an order that divides 8: such a key verifies signatures that nobody made. */
export function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER_FIRST.has(point[0] ?? 0) && SMALL_ORDER_Y.has(hexOf(yOf(point)))
}

/**
 * Strict Ed25519, the same on server and clients: lengths, canonical S, R and A, A not of small order, then the cofactorless
 * equation with R compared as bytes. Checks run in this order and the first that fails names the answer. Never throws.
 */
export function verifyEd25519(
  primitives: ProofPrimitives, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array,
): SignatureStatus {
  if (publicKey.length !== ED25519_KEY_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return 'proof.signature_encoding'
  if (!isBelow(signature, GROUP_ORDER, 32)) return 'proof.signature_encoding'
  if (!isCanonicalPoint(signature.subarray(0, 32)) || !isCanonicalPoint(publicKey)) return 'proof.signature_encoding'
  if (isSmallOrder(publicKey)) return 'proof.small_order_key'
  return primitives.ed25519Verify(publicKey, message, signature) ? 'valid' : 'proof.signature'
}
