import { readdirSync, readFileSync } from 'node:fs'
import { judgeVectorFile, verifyEd25519, verifySecp256k1, verifyXeddsa } from '@evegram/protocol/proof'
import { describe, expect, it } from 'vitest'
import { createNodePrimitives } from './node-primitives.js'

const folder = new URL('../../protocol/vectors/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.startsWith('proof-'))

interface SignatureVector { readonly algorithm?: string; readonly publicKey?: string; readonly message?: string; readonly signature?: string }

function readVectors(name: string): readonly SignatureVector[] {
  return (JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { cases: SignatureVector[] }).cases
}

describe('createNodePrimitives', () => {
  it.each(files)('answers every vector of %s as it says', (name) => {
    const verdict = judgeVectorFile(readFileSync(new URL(name, folder), 'utf8'), createNodePrimitives())
    expect(verdict.kind).toBe('vectors')
    const verdicts = verdict.kind === 'vectors' ? verdict.verdicts : []
    expect(verdicts.length).toBeGreaterThan(30)
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([])
  })

  it('gives the same answers when every key falls out of its cache at once', () => {
    const text = readFileSync(new URL('proof-signatures.json', folder), 'utf8')
    expect(judgeVectorFile(text, createNodePrimitives(1))).toEqual(judgeVectorFile(text, createNodePrimitives()))
    expect(judgeVectorFile(text, createNodePrimitives(0))).toEqual(judgeVectorFile(text, createNodePrimitives()))
  })

  it('takes Node buffers for every field, gives the same answers and leaves their bytes alone', () => {
    const primitives = createNodePrimitives()
    const cases = readVectors('proof-signatures.json').flatMap(({ algorithm, publicKey, message, signature }) => {
      const buffers = [publicKey, message, signature].map((hex) => Buffer.from(hex ?? '', 'hex')) as [Buffer, Buffer, Buffer]
      const copies = buffers.map((buffer) => new Uint8Array(buffer)) as [Uint8Array, Uint8Array, Uint8Array]
      const check = algorithm === 'ed25519' ? verifyEd25519 : verifySecp256k1
      const xeddsa = ([key, text, signed]: readonly [Uint8Array, Uint8Array, Uint8Array]): string => verifyXeddsa(key, text, signed, primitives)
      const answers = algorithm === 'xeddsa' ? [xeddsa(buffers), xeddsa(copies)] : [check(primitives, ...buffers), check(primitives, ...copies)]
      expect(answers[0]).toBe(answers[1])
      expect(buffers.map((buffer) => new Uint8Array(buffer))).toEqual(copies)
      return answers
    })
    expect(cases.length).toBeGreaterThan(60)
  })

  it('answers false, and does not throw, for keys that are no points', () => {
    const primitives = createNodePrimitives()
    const noPoint = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 2 : 0))
    expect(primitives.ed25519Verify(noPoint, new Uint8Array(1), new Uint8Array(64))).toBe(false)
    expect(primitives.secp256k1Verify(new Uint8Array(33).fill(2), new Uint8Array(1), new Uint8Array(64).fill(1))).toBe(false)
  })
})
