import { createECDH, createPrivateKey, sign } from 'node:crypto'
import { bytesOfHex, compareBytes, concatBytes, EvegramError, hexOf } from '@evegram/protocol'
import type { Signer } from '../chain/signer.js'

const SEED_BYTES = 32
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const HALF_ORDER = bytesOfHex('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0')

/**
 * A secp256k1 signer from a seed of 32 bytes, held in the memory of this process. The seed is in no property: neither JSON nor an inspection shows it. Throws
 * `invalid.argument` for a seed that is no key.
 */
export function secp256k1Signer(seed: Uint8Array): Signer {
  const point = createECDH('secp256k1')
  try {
    if (seed.length !== SEED_BYTES) throw new Error('not 32 bytes')
    point.setPrivateKey(seed)
  } catch {
    // Without its cause: that could name the seed.
    throw new EvegramError('invalid.argument', { operation: 'make signer' })
  }
  const open = point.getPublicKey()
  const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  const key = createPrivateKey({
    key: { kty: 'EC', crv: 'secp256k1', d: base64url(seed), x: base64url(open.subarray(1, 33)), y: base64url(open.subarray(33)) }, format: 'jwk',
  })
  return {
    algorithm: 'secp256k1',
    publicKey: new Uint8Array(point.getPublicKey(null, 'compressed')),
    sign: async (message) => withLowS(new Uint8Array(sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' }))),
  }
}

/** (r, s) and (r, n - s) sign the same; chains of Cosmos take the lower alone. */
function withLowS(signature: Uint8Array): Uint8Array {
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
  if (compareBytes(s, HALF_ORDER) <= 0) return signature
  return concatBytes(r, bytesOfHex((ORDER - BigInt(`0x${hexOf(s)}`)).toString(16).padStart(64, '0')))
}
