import { bytesOfHex, compareBytes } from '../bytes.js'
import type { ProofPrimitives, SignatureStatus } from './primitives.js'

/** Bytes of a compressed secp256k1 key. */
export const SECP256K1_KEY_BYTES = 33
/** Bytes of a secp256k1 signature in r || s form. */
export const SECP256K1_SIGNATURE_BYTES = 64

/** SEC 2 section 2.4.1: the field prime p, the group order n, and (n - 1) / 2, big-endian. */
const FIELD_PRIME = bytesOfHex('fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f')
const GROUP_ORDER = bytesOfHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
const HALF_ORDER = bytesOfHex('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0')

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** Whether the bytes are a compressed key with its coordinate below p (SEC 1 section 2.3.3). Hybrid and uncompressed forms are not. */
export function isCompressedKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== SECP256K1_KEY_BYTES) return false
  return (publicKey[0] === 2 || publicKey[0] === 3) && compareBytes(publicKey.subarray(1), FIELD_PRIME) < 0
}

/**
 * Strict ECDSA over SHA-256(message): 33-byte compressed key, 64-byte r || s with both in [1, n-1] and s at most n/2 (Cosmos SDK
 * refuses high S too). Checks run in this order and the first that fails names the answer. Never throws.
 */
export function verifySecp256k1(
  primitives: ProofPrimitives, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array,
): SignatureStatus {
  if (!isCompressedKey(publicKey) || signature.length !== SECP256K1_SIGNATURE_BYTES) return 'proof.signature_encoding'
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
  if (isZero(r) || isZero(s) || compareBytes(r, GROUP_ORDER) >= 0 || compareBytes(s, GROUP_ORDER) >= 0) return 'proof.signature_encoding'
  if (compareBytes(s, HALF_ORDER) > 0) return 'proof.high_s'
  return primitives.secp256k1Verify(publicKey, message, signature) ? 'valid' : 'proof.signature'
}
