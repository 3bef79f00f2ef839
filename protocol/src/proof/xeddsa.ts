import { verifyEd25519 } from './ed25519.js'
import type { ProofPrimitives, SignatureStatus } from './primitives.js'

const P = 2n ** 255n - 19n
/** libsignal's type byte of a Curve25519 key. */
const CURVE25519_TYPE = 0x05

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = base % P, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % P) {
    if ((rest & 1n) === 1n) result = (result * square) % P
  }
  return result
}

/**
 * The Ed25519 form of a Montgomery key: y = (u - 1) / (u + 1), sign of x as given (XEdDSA specification section 2.3, where
 * libsignal keeps the sign in the signature). Returns undefined for a u that is not below p or has no such point.
 */
function edwardsKeyOf(u: Uint8Array, signBit: number): Uint8Array | undefined {
  let value = 0n
  for (let index = 31; index >= 0; index--) value = (value << 8n) | BigInt(u[index] ?? 0)
  if (value >= P || value === P - 1n) return undefined
  let y = ((value - 1n + P) * power(value + 1n, P - 2n)) % P
  const key = new Uint8Array(32)
  for (let index = 0; index < 32; index++, y >>= 8n) key[index] = Number(y & 255n)
  key[31] = (key[31] ?? 0) | signBit
  return key
}

/**
 * Verifies a signature as libsignal makes it with a Curve25519 identity key: `identityKey` is 0x05 and 32 bytes of u, the sign of
 * the Edwards key is the top bit of the signature's last byte. The strict rules of `verifyEd25519` hold for what remains. Never throws.
 */
export function verifyXeddsa(
  identityKey: Uint8Array, message: Uint8Array, signature: Uint8Array, primitives: ProofPrimitives,
): SignatureStatus {
  if (identityKey.length !== 33 || identityKey[0] !== CURVE25519_TYPE || signature.length !== 64) return 'proof.signature_encoding'
  const last = signature[63] ?? 0
  const key = edwardsKeyOf(identityKey.subarray(1), last & 0x80)
  if (key === undefined) return 'proof.signature_encoding'
  const plain = Uint8Array.from(signature)
  plain[63] = last & 0x7f
  return verifyEd25519(primitives, key, message, plain)
}
