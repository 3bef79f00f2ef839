import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CapacityRamp } from './capacity-ramp.js'

/** Steps of a ramp on a system that sustains exactly `capacity`. */
function climb(ramp: CapacityRamp, capacity: number): readonly number[] {
  const tried: number[] = []
  for (let rate = ramp.next(); rate !== undefined && tried.length < 100; rate = ramp.next()) {
    tried.push(rate)
    ramp.record(rate, rate <= capacity)
  }
  return tried
}

describe('the ramp to the capacity', () => {
  it('grows until a rate is too much, then looks between', () => {
    const ramp = new CapacityRamp(100)
    expect(climb(ramp, 200)).toEqual([100, 140, 196, 275, 232, 213])
    expect(ramp.sustainedPerSecond).toBe(196)
  })

  it('goes down when the first rate is too much', () => {
    const ramp = new CapacityRamp(1_000)
    expect(climb(ramp, 300).slice(0, 3)).toEqual([1_000, 500, 250])
    expect(ramp.sustainedPerSecond).toBeGreaterThanOrEqual(250)
  })

  it('finds nothing on a system that sustains nothing, and ends', () => {
    const ramp = new CapacityRamp(8)
    expect(climb(ramp, 0)).toEqual([8, 4, 2, 1])
    expect(ramp.sustainedPerSecond).toBe(0)
  })

  it('finds every capacity within a fifth, in few steps', () => {
    fc.assert(fc.property(fc.integer({ min: 20, max: 100_000 }), (capacity) => {
      const ramp = new CapacityRamp(100)
      const { length } = climb(ramp, capacity)
      return length <= 30 && ramp.sustainedPerSecond <= capacity && ramp.sustainedPerSecond >= capacity * 0.8
    }))
  })
})
