import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'

export const L = 2n ** 252n + 27742317777372353535851937790883648493n
export const P = 2n ** 255n - 19n
export const { Point } = ed25519

export function le(value: bigint, length = 32): Buffer {
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index++, value >>= 8n) bytes[index] = Number(value & 255n)
  return bytes
}

export function ofLe(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** A point of order 8: L times a point outside the prime subgroup. */
export const TORSION = ((): InstanceType<typeof Point> => {
  for (let y = 2n; ; y++) {
    try {
      const point = Point.fromBytes(le(y), false)
      const torsion = point.multiplyUnsafe(L - 1n).add(point)
      if (!torsion.double().double().equals(Point.ZERO)) return torsion
    } catch {
      // Half of all numbers are no y of a point.
    }
  }
})()

/** The eight points of small order. */
export const SMALL_ORDER = Array.from({ length: 8 }, (_, index) => TORSION.multiplyUnsafe(BigInt(index)))

/** S + L in place of S: the same equation, another signature. */
export function malleated(signature: Uint8Array): Buffer {
  return Buffer.concat([signature.subarray(0, 32), le(ofLe(signature.subarray(32)) + L)])
}

export const challenge = (r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint => ofLe(sha512(Buffer.concat([r, key, message]))) % L

/** A signature with secret scalar and nonce as numbers, and torsion added to key and R as told. */
export function signMixed(secret: bigint, nonce: bigint, message: Uint8Array, keyTorsion: number, rTorsion: number): { key: Buffer; signature: Buffer } {
  const key = Buffer.from(Point.BASE.multiply(secret).add(TORSION.multiplyUnsafe(BigInt(keyTorsion))).toBytes())
  const r = Point.BASE.multiply(nonce).add(TORSION.multiplyUnsafe(BigInt(rTorsion))).toBytes()
  const s = (nonce + challenge(r, key, message) * secret) % L
  return { key, signature: Buffer.concat([r, le(s)]) }
}
