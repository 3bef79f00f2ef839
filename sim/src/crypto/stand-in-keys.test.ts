import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createNodePrimitives } from '@evegram/platform'
import { utf8 } from '@evegram/protocol'
import { verifyEd25519, verifyXeddsa, type ProofPrimitives } from '@evegram/protocol/proof'
import { checkedPublicKey, generateDevice, signWithIdentity, signWithSigning } from '@evegram/sdk/parts'
import { SimRandom } from '../kernel/random.js'
import { memoizedPrimitives } from './memoized-primitives.js'
import { standInKeyPair, standInPrimitives, standInSignature } from './stand-in-keys.js'
import { createStandInSignal } from './stand-in-signal.js'

const inner = createNodePrimitives()
const primitives = memoizedPrimitives(standInPrimitives(inner))

describe('stand-in keys', () => {
  it('are of the form that every reader checks, and the same for a seed', () => {
    const random = new SimRandom('keys')
    const pairs = Array.from({ length: 200 }, () => standInKeyPair(random))
    for (const { publicKey, privateKey } of pairs) expect([checkedPublicKey(publicKey).length, privateKey.length]).toEqual([32, 32])
    expect(new Set(pairs.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))).size).toBe(200)
    expect(standInKeyPair(new SimRandom('keys'))).toEqual(pairs[0])
  })

  it('sign what the strict checks of the protocol accept from that key alone, and only through the stand-in primitives', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = new SimRandom(`sign/${seed}`)
      const signal = createStandInSignal(random)
      const keys = await generateDevice(signal, random)
      const message = createHash('sha256').update(`${seed}`).digest()
      const signature = await signWithIdentity(signal, keys, message)
      const changed = Uint8Array.from(signature)
      changed[seed] = (changed[seed] ?? 0) ^ 1
      expect(verifyXeddsa(keys.identity.publicKey, message, signature, primitives)).toBe('valid')
      expect(verifyXeddsa(keys.identity.publicKey, message, signature, inner)).toBe('proof.signature')
      expect(verifyXeddsa(keys.identity.publicKey, message, changed, primitives)).not.toBe('valid')
      expect(verifyXeddsa(keys.identity.publicKey, utf8('other'), signature, primitives)).not.toBe('valid')
      expect(verifyXeddsa(standInKeyPair(random).publicKey, message, signature, primitives)).not.toBe('valid')
      expect(await signal.verify(keys.identity.publicKey, message, changed)).toBe(false)
    }
  })

  it('leave real signatures to the real equation', async () => {
    const random = new SimRandom('real')
    const keys = await generateDevice(createStandInSignal(random), random)
    const signature = signWithSigning(keys, utf8('x'))
    expect(verifyEd25519(primitives, keys.signing.publicKey, utf8('x'), signature)).toBe('valid')
    expect(verifyEd25519(primitives, keys.signing.publicKey, utf8('y'), signature)).toBe('proof.signature')
    // A stand-in signature of an identity key says nothing for a signing key.
    expect(verifyEd25519(primitives, keys.signing.publicKey, utf8('x'), standInSignature(keys.identity.publicKey, utf8('x')))).toBe('proof.signature')
  })
})

describe('memoizedPrimitives', () => {
  it('asks once for the same question and again for any other', () => {
    const asked: string[] = []
    const counting: ProofPrimitives = {
      ed25519Verify: (_key, message) => asked.push(`ed25519 ${message.length}`) > 0 && message.length === 1,
      secp256k1Verify: (_key, message) => asked.push(`secp256k1 ${message.length}`) > 0,
    }
    const memoized = memoizedPrimitives(counting)
    const zeros = (length: number): Uint8Array => new Uint8Array(length)
    for (let round = 0; round < 2; round++) {
      expect(memoized.ed25519Verify(zeros(32), zeros(1), zeros(64))).toBe(true)
      // The same bytes one after the other, cut elsewhere.
      expect(memoized.ed25519Verify(zeros(32), zeros(2), zeros(63))).toBe(false)
      expect(memoizedPrimitives(counting).secp256k1Verify(zeros(32), zeros(1), zeros(64))).toBe(true)
    }
    expect(asked).toEqual(['ed25519 1', 'ed25519 2', 'secp256k1 1'])
  })
})
