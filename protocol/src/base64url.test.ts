import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base64UrlOf } from './base64url.js'

describe('base64UrlOf', () => {
  it('writes what Node writes', () => {
    // Of every length, not only the short ones that come by themselves: groups are written four at once.
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80, size: 'max' }), (bytes) => {
      expect(base64UrlOf(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
    }), { numRuns: 1_000 })
  })
})
