import { verifyXeddsa } from '@evegram/protocol/proof'
import { Curve25519Wrapper } from '@privacyresearch/curve25519-typescript'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noblePrimitives } from './noble-primitives.js'

const bufferOf = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer

describe('verifyXeddsa', () => {
  it('accepts what the curve library of libsignal signs, and nothing that was changed', async () => {
    const curve = await Curve25519Wrapper.create()
    const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(fc.property(seed, fc.uint8Array({ maxLength: 200 }), fc.nat(63), (secret, message, at) => {
      const { pubKey, privKey } = curve.keyPair(bufferOf(secret))
      const raw = new Uint8Array(pubKey)
      const key = raw.length === 33 ? raw : Uint8Array.from([5, ...raw])
      const signature = new Uint8Array(curve.sign(privKey, bufferOf(message)))
      expect(verifyXeddsa(key, message, signature, noblePrimitives)).toBe('valid')
      const changed = signature.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(verifyXeddsa(key, message, changed, noblePrimitives)).not.toBe('valid')
      expect(verifyXeddsa(key, Uint8Array.from([...message, 0]), signature, noblePrimitives)).toBe('proof.signature')
    }), { numRuns: 60 })
  })
})
