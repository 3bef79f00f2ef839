import { readdirSync, readFileSync } from 'node:fs'
import { judgeVectorFile } from '@evegram/protocol/proof'
import { describe, expect, it } from 'vitest'
import { noblePrimitives } from './noble-primitives.js'

const folder = new URL('../../../../protocol/vectors/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.startsWith('proof-'))

describe('noblePrimitives', () => {
  it.each(files)('answers every vector of %s as it says', (name) => {
    const verdict = judgeVectorFile(readFileSync(new URL(name, folder), 'utf8'), noblePrimitives)
    expect(verdict.kind).toBe('vectors')
    const verdicts = verdict.kind === 'vectors' ? verdict.verdicts : []
    expect(verdicts.length).toBeGreaterThan(30)
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([])
  }, 120_000)

  it('answers false, and does not throw, for keys that are no points', () => {
    const message = new Uint8Array(1)
    const noPoint = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 2 : 0))
    expect(noblePrimitives.ed25519Verify(noPoint, message, new Uint8Array(64))).toBe(false)
    expect(noblePrimitives.secp256k1Verify(new Uint8Array(33).fill(2), message, new Uint8Array(64).fill(1))).toBe(false)
  })
})
