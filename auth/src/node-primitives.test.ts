import { readdirSync, readFileSync } from 'node:fs'
import { judgeVectorFile } from '@evegram/protocol/proof'
import { describe, expect, it } from 'vitest'
import { createNodePrimitives } from './node-primitives.js'

const folder = new URL('../../protocol/vectors/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.startsWith('proof-'))

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

  it('answers false, and does not throw, for keys that are no points', () => {
    const primitives = createNodePrimitives()
    const noPoint = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 2 : 0))
    expect(primitives.ed25519Verify(noPoint, new Uint8Array(1), new Uint8Array(64))).toBe(false)
    expect(primitives.secp256k1Verify(new Uint8Array(33).fill(2), new Uint8Array(1), new Uint8Array(64).fill(1))).toBe(false)
  })
})
