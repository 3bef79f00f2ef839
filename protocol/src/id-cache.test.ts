import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hexOf } from './bytes.js'
import { IdCache } from './id-cache.js'

const id = fc.uint8Array({ minLength: 16, maxLength: 16 })

describe('ids that are remembered', () => {
  it('are what reading them anew gives, whatever was read before', () => {
    const cache = new IdCache()
    fc.assert(fc.property(fc.array(id, { minLength: 1, maxLength: 20 }), fc.nat(7), (ids, offset) => {
      for (const one of [...ids, ...ids]) {
        const bytes = new Uint8Array(offset + 16)
        bytes.set(one, offset)
        expect(cache.hexAt(bytes, offset)).toBe(hexOf(one))
      }
    }))
  })

  it('are not mistaken for others that have the same place', () => {
    const cache = new IdCache()
    // The place comes of all words together: equal words cancel each other out, so all of these have the same one.
    const ids = Array.from({ length: 300 }, (_, index) => {
      const one = new Uint8Array(16)
      const view = new DataView(one.buffer)
      for (const at of [0, 4]) view.setUint32(at, index)
      return one
    })
    for (const one of [...ids, ...ids]) expect(cache.hexAt(one, 0)).toBe(hexOf(one))
    // Two bits of one word that cancel each other out in the place: every word alone must tell two ids apart.
    const base = Uint8Array.from({ length: 16 }, (_, index) => index + 1)
    for (const word of [0, 1, 2, 3]) {
      const other = base.slice()
      const view = new DataView(other.buffer)
      view.setUint32(word * 4, view.getUint32(word * 4) ^ 0x0001_0001)
      for (const one of [base, other, base, other]) expect(cache.hexAt(one, 0)).toBe(hexOf(one))
    }
  })

  it('know the all-zero id before anything was read', () => {
    expect(new IdCache().hexAt(new Uint8Array(16), 0)).toBe('0'.repeat(32))
  })
})
