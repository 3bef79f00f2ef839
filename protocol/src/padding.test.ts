import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pad, paddedLength, unpad } from './padding.js'

describe('padding', () => {
  it('goes in steps of 160 up to 1,120 bytes', () => {
    expect([0, 1, 160, 161, 320, 960, 961, 1_024, 1_120].map(paddedLength)).toEqual([160, 160, 160, 320, 320, 960, 1_120, 1_120, 1_120])
  })

  it('follows Padmé above that', () => {
    expect([1_121, 1_152, 1_153, 2_047, 2_049, 4_097, 32_769, 40_000].map(paddedLength)).toEqual([1_152, 1_152, 1_216, 2_048, 2_176, 4_352, 34_816, 40_960])
  })

  it('never shrinks, never takes more than 12 % above 1,120 bytes, and is settled after one round', () => {
    fc.assert(fc.property(fc.nat(60_000), fc.nat(60_000), (one, other) => {
      const [less, more] = one < other ? [one, other] : [other, one]
      expect(paddedLength(less)).toBeLessThanOrEqual(paddedLength(more))
      expect(paddedLength(more)).toBeGreaterThanOrEqual(more)
      if (more >= 1_120) expect(paddedLength(more)).toBeLessThanOrEqual(more * 1.12)
      expect(paddedLength(paddedLength(more))).toBe(paddedLength(more))
    }))
  })

  it('comes off again', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3_000 }), (content) => {
      const padded = pad(content)
      expect(padded.length).toBe(paddedLength(content.length + 4))
      expect(unpad(padded)).toEqual(content)
    }))
  })

  it('is refused with another length, a length that points outside, or a byte that is not zero', () => {
    const padded = pad(new Uint8Array(20).fill(7))
    const changed = (at: number, byte: number): Uint8Array => {
      const copy = padded.slice()
      copy[at] = byte
      return copy
    }
    const bad = [
      new Uint8Array(0), new Uint8Array(3), padded.subarray(0, 159), new Uint8Array(161), new Uint8Array([...padded, ...new Uint8Array(160)]),
      changed(0, 0x40), changed(3, 200), changed(24, 1), changed(159, 1),
    ]
    for (const bytes of bad) expect(() => unpad(bytes)).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
  })

  it('holds one form for every content: whatever unpads pads to the same bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(159), fc.nat(255), (content, at, byte) => {
      const bytes = pad(content)
      bytes[at] = byte
      let read: Uint8Array | undefined
      try {
        read = unpad(bytes)
      } catch (cause) {
        expect(cause).toMatchObject({ code: 'invalid.payload' })
      }
      if (read !== undefined) expect(pad(read)).toEqual(bytes)
    }))
  })
})
