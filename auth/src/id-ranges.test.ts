import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ID_RANGES_MAX, includesId, withIds, type IdRanges } from './id-ranges.js'

describe('id ranges', () => {
  it('hold exactly the ids that were added, in any order', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 20 }), { maxLength: 5 }), (batches) => {
      let ranges: IdRanges | undefined = []
      for (const batch of batches) ranges = ranges && withIds(ranges, batch)
      const all = new Set(batches.flat())
      for (let id = 0; id <= 61; id++) expect(includesId(ranges ?? [], id)).toBe(all.has(id))
    }))
  })

  it('stay small for ids that count upwards and refuse to grow without bound', () => {
    let ranges: IdRanges = []
    for (let from = 1; from < 10_000; from += 100) ranges = withIds(ranges, Array.from({ length: 100 }, (_, index) => from + index)) ?? []
    expect(ranges).toEqual([1, 10_000])
    const scattered = Array.from({ length: ID_RANGES_MAX }, (_, index) => index * 2 + 1)
    expect(withIds([], scattered)).toHaveLength(2 * ID_RANGES_MAX)
    expect(withIds([], [...scattered, 100_000])).toBeUndefined()
  })
})
