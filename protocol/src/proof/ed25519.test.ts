import { ed25519 } from '@noble/curves/ed25519.js'
import { describe, expect, it } from 'vitest'
import { bytesOfHex, hexOf } from '../bytes.js'
import { isCanonicalPoint, isSmallOrder } from './ed25519.js'

/** The eight points whose order divides 8, as @noble/curves encodes them. */
function torsionPoints(): readonly Uint8Array[] {
  const points = new Map<string, Uint8Array>()
  // A point of order 8 and its multiples are all of them.
  const generator = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
  for (let point = generator, count = 0; count < 8; point = point.add(generator), count++) points.set(point.toHex(), bytesOfHex(point.toHex()))
  return [...points.values()]
}

describe('points of small order', () => {
  it('are all told, and no other is', () => {
    const points = torsionPoints()
    expect(points).toHaveLength(8)
    for (const point of points) expect([hexOf(point), isSmallOrder(point), isCanonicalPoint(point)]).toEqual([hexOf(point), true, true])
    for (let number = 1n; number <= 2_000n; number++) expect(isSmallOrder(ed25519.Point.BASE.multiply(number).toBytes())).toBe(false)
  })
})

describe('canonical points', () => {
  it('have y below the prime, whatever the sign of x, and no negative zero', () => {
    const withSign = (hex: string): string => hex.slice(0, 62) + (Number.parseInt(hex.slice(62), 16) | 0x80).toString(16)
    const [one, minusOne] = [`01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`]
    for (const hex of [one, minusOne, withSign(`09${'00'.repeat(31)}`)]) expect(isCanonicalPoint(bytesOfHex(hex))).toBe(true)
    for (const hex of [withSign(one), withSign(minusOne)]) expect(isCanonicalPoint(bytesOfHex(hex))).toBe(false)
    for (const first of ['ed', 'ee', 'ff']) {
      const hex = `${first}${'ff'.repeat(30)}7f`
      expect([isCanonicalPoint(bytesOfHex(hex)), isCanonicalPoint(bytesOfHex(withSign(hex)))]).toEqual([false, false])
    }
  })
})
