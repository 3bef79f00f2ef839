import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rfc3339 } from './text.js'

describe('rfc3339', () => {
  it('writes what Date writes, in whatever order the days come, and refuses what is no time', () => {
    const time = fc.oneof(fc.integer({ min: 0, max: 253_402_300_799_999 }), fc.integer({ min: 1_795_000_000_000, max: 1_795_200_000_000 }))
    fc.assert(fc.property(time, (ms) => {
      expect(rfc3339(ms)).toBe(new Date(ms).toISOString())
    }), { numRuns: 1_000 })
    expect(() => rfc3339(Number.NaN)).toThrow(RangeError)
  })
})
