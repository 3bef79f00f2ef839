import { concatBytes, equalBytes } from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha512 } from '@noble/hashes/sha2.js'

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let index = bytes.length - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index] ?? 0)
  return value
}

/**
 * RFC 8032 section 5.1.7 without the cofactor: encode([S]B - [k]A) is R. `ed25519.verify` multiplies both sides by 8 and would
 * accept signatures of mixed order that OpenSSL, and so the server, refuses.
 */
function ed25519Equation(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const point = ed25519.Point.fromBytes(publicKey, false)
  const r = signature.subarray(0, 32)
  const challenge = littleEndian(sha512(concatBytes(r, publicKey, message))) % ed25519.Point.Fn.ORDER
  const expected = ed25519.Point.BASE.multiplyUnsafe(littleEndian(signature.subarray(32))).subtract(point.multiplyUnsafe(challenge))
  return equalBytes(expected.toBytes(), r)
}

/** False for what the curve library refuses with an exception: a key that is no point. It has no own error type for that. */
function holds(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    // @noble/curves throws plain errors for points off the curve; the bytes were checked for length before, so nothing else throws.
    return false
  }
}

/** The signature equations on @noble/curves, for browsers and Node alike. Only for the strict checks of `@evegram/protocol/proof`. */
export const noblePrimitives: ProofPrimitives = {
  ed25519Verify: (publicKey, message, signature) => holds(() => ed25519Equation(publicKey, message, signature)),
  secp256k1Verify: (publicKey, message, signature) => holds(
    () => secp256k1.verify(signature, message, publicKey, { prehash: true, lowS: true, format: 'compact' }),
  ),
}
