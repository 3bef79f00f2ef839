import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBytes } from './bytes.js'
import { comparePositions, decodePosition, encodePosition, positionAtTime, readPosition } from './position.js'

const positions = fc.record({ timeMs: fc.nat(2 ** 48 - 1), incarnation: fc.nat(0xffffffff), counter: fc.nat(0xffffffff) })

describe('a position', () => {
  it('comes back as it was', () => {
    fc.assert(fc.property(positions, (position) => {
      expect(decodePosition(encodePosition(position))).toEqual(position)
    }))
  })

  it('sorts as bytes as it sorts in the log', () => {
    fc.assert(fc.property(positions, positions, (left, right) => {
      expect(Math.sign(comparePositions(left, right))).toBe(Math.sign(compareBytes(encodePosition(left), encodePosition(right))))
    }))
  })

  it('of any 16 bytes is read to the same bytes or refused, and of any other length refused', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      if (bytes[0] === 0 && bytes[1] === 0) expect(encodePosition(decodePosition(bytes))).toEqual(bytes)
      else expect(() => decodePosition(bytes)).toThrow(expect.objectContaining({ code: 'invalid.position' }))
    }))
    for (const length of [0, 15, 17]) expect(() => decodePosition(new Uint8Array(length))).toThrow(expect.objectContaining({ code: 'invalid.position' }))
    expect(() => readPosition(new DataView(new ArrayBuffer(20)), 5)).toThrow(expect.objectContaining({ code: 'invalid.position' }))
  })

  it('at a time comes before all others of that millisecond, and never before 1970', () => {
    fc.assert(fc.property(positions, (position) => {
      expect(comparePositions(positionAtTime(position.timeMs), position)).toBeLessThanOrEqual(0)
      expect(comparePositions(positionAtTime(position.timeMs + 0.9), position)).toBeLessThanOrEqual(0)
    }))
    expect(positionAtTime(-5)).toEqual({ timeMs: 0, incarnation: 0, counter: 0 })
  })
})
