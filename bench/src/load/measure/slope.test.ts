import { describe, expect, it } from 'vitest'
import { SLOPE_POINTS_MIN, slopePerHour } from './slope.js'

const line = (count: number, perSecond: number, of: (index: number) => number = () => 0): { atSeconds: number; value: number }[] =>
  Array.from({ length: count }, (_, index) => ({ atSeconds: index, value: 100 + perSecond * index + of(index) }))

describe('growth in an hour', () => {
  it('is that of a line, in whichever direction', () => {
    expect(slopePerHour(line(60, 0.01))).toBeCloseTo(36)
    expect(slopePerHour(line(60, -0.5))).toBeCloseTo(-1_800)
    expect(slopePerHour(line(60, 0))).toBe(0)
  })

  it('is not moved by values that stick out, at the end or anywhere', () => {
    expect(slopePerHour(line(100, 0.01, (index) => (index % 10 === 9 ? 500 : 0)))).toBeCloseTo(36, 0)
  })

  it('is seen through the teeth of a garbage collector', () => {
    const teeth = slopePerHour(line(600, 0.02, (index) => (index % 20) * 2)) ?? 0
    expect(teeth).toBeGreaterThan(50)
    expect(teeth).toBeLessThan(100)
  })

  it('says nothing of few points, and takes few of many', () => {
    expect(slopePerHour(line(SLOPE_POINTS_MIN - 1, 1))).toBeUndefined()
    expect(slopePerHour(line(20_000, 0.01))).toBeCloseTo(36)
  })
})
