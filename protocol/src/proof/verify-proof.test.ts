import { readFileSync } from 'node:fs'
import { ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCbor, encodeCbor } from '../cbor.js'
import { EvegramError } from '../errors.js'
import type { ProofPrimitives } from './primitives.js'
import { readOwnProof } from './vectors/own.js'
import { isObject, type JsonObject } from './vectors/json.js'
import { verifyProof, type ProofExpectation } from './verify-proof.js'
import { decodeWalletProof, encodeWalletProof, type WalletProof } from './wallet-proof.js'

// Good enough for honest keys; the primitives that ship are tested in auth and the SDK over all vectors.
const primitives: ProofPrimitives = {
  ed25519Verify: (key, message, signature) => ed25519.verify(signature, message, key, { zip215: false }),
  secp256k1Verify: (key, message, signature) => secp256k1.verify(signature, message, key),
}
/** Says yes to every equation: what is refused with it is refused before the signature is looked at. */
const yes: ProofPrimitives = { ed25519Verify: () => true, secp256k1Verify: () => true }

function validCases(chain: string): readonly JsonObject[] {
  const file: unknown = JSON.parse(readFileSync(new URL(`../../vectors/proof-${chain}.json`, import.meta.url), 'utf8'))
  const cases: unknown = isObject(file) ? file['cases'] : []
  return (Array.isArray(cases) ? cases : []).filter(isObject).filter((entry) => entry['kind'] === 'proof' && entry['valid'] === true)
}

/** One honest proof of every form. */
const samples = ['solana', 'ton', 'terra'].flatMap((chain) => {
  const byForm = new Map(validCases(chain).map((entry) => [JSON.stringify((entry['proof'] as { form: string }).form), readOwnProof(entry)]))
  return [...byForm.values()]
})
const sample = fc.constantFrom(...samples)

/** The answer to encoded bytes: a status, or the code of what the decoder throws. */
function answerTo(bytes: Uint8Array, expected: ProofExpectation, by = primitives): string {
  try {
    const outcome = verifyProof(decodeWalletProof(decodeCbor(bytes, 16_384)), expected, by)
    return outcome.status === 'valid' ? 'valid' : outcome.code
  } catch (error) {
    if (error instanceof EvegramError) return error.code
    throw error
  }
}

describe('verifyProof', () => {
  it('has a sample of all six forms, each valid', () => {
    expect(samples.map(({ proof }) => proof.form).sort()).toEqual(
      ['adr036', 'siws', 'solana-memo-tx', 'solana-offchain', 'ton-proof', 'ton-sign-data'],
    )
    for (const { proof, expected } of samples) expect(verifyProof(proof, expected, primitives)).toEqual({ status: 'valid' })
  })

  it('refuses any truncation of an encoded proof, and does not crash', () => {
    fc.assert(fc.property(sample, fc.nat(), ({ proof, expected }, cut) => {
      const bytes = encodeCbor(encodeWalletProof(proof))
      expect(answerTo(bytes.subarray(0, cut % bytes.length), expected)).not.toBe('valid')
    }), { numRuns: 300 })
  })

  it('refuses any change of a byte of an encoded proof, and does not crash', () => {
    fc.assert(fc.property(sample, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ proof, expected }, at, change) => {
      const bytes = encodeCbor(encodeWalletProof(proof))
      const offset = at % bytes.length
      bytes[offset] = (bytes[offset] ?? 0) ^ change
      // A change inside the checksum trailer of a BoC, or of its flag for one, can not verify either: both are checked.
      expect(answerTo(bytes, expected)).not.toBe('valid')
    }), { numRuns: 500 })
  })

  it('refuses any bytes as a proof, and does not crash', () => {
    fc.assert(fc.property(sample, fc.uint8Array({ maxLength: 2_000 }), ({ expected }, bytes) => {
      expect(answerTo(bytes, expected, yes)).not.toBe('valid')
    }), { numRuns: 500 })
  })

  it('does not crash on any bytes in the fields that a wallet fills', () => {
    const bytes = fc.uint8Array({ maxLength: 1_300 })
    fc.assert(fc.property(sample, bytes, bytes, ({ proof, expected }, one, other) => {
      const filled: WalletProof = { ...proof, signature: one }
      // The primitive says yes to everything, so only encodings can refuse; other lengths always do.
      const { status } = verifyProof(filled, expected, yes)
      if (one.length !== 64) expect(status).toBe('refused')
      if (proof.form === 'solana-offchain' || proof.form === 'solana-memo-tx') {
        expect(verifyProof({ ...proof, signedMessage: other }, expected, yes).status).toBe('refused')
      }
      if (proof.form === 'ton-proof' || proof.form === 'ton-sign-data') {
        expect(verifyProof({ ...proof, stateInit: other }, expected, yes).status).toBe('refused')
      }
      if (proof.form === 'adr036') expect(verifyProof({ ...proof, publicKey: other }, expected, yes).status).toBe('refused')
    }), { numRuns: 300 })
  })

  it('refuses any other text in any claim, whatever the primitive says', () => {
    fc.assert(fc.property(sample, fc.string({ maxLength: 300 }), ({ proof, expected }, text) => {
      fc.pre(text !== proof.domain && text !== proof.nonce)
      expect(verifyProof({ ...proof, domain: text }, expected, yes)).toMatchObject({ code: 'proof.domain' })
      const renamed = verifyProof({ ...proof, nonce: text }, expected, primitives)
      expect(renamed.status).toBe('refused')
    }), { numRuns: 200 })
  })

  it('a proof survives CBOR with every byte', () => {
    for (const { proof } of samples) {
      const bytes = encodeCbor(encodeWalletProof(proof))
      expect(encodeCbor(encodeWalletProof(decodeWalletProof(decodeCbor(bytes, 16_384))))).toEqual(bytes)
    }
  })
})
