import { describe, expect, it } from 'vitest'
import { seededUniform, zipfRanks } from './zipf.js'

const DRAWS = 200_000

describe('ranks by the law of Zipf', () => {
  it('come as often as the law says, from the first to the last', () => {
    const count = 1_000
    const next = zipfRanks(count, 1, seededUniform(1))
    const seen = new Map<number, number>()
    for (let draw = 0; draw < DRAWS; draw++) {
      const rank = next()
      seen.set(rank, (seen.get(rank) ?? 0) + 1)
    }
    const harmonic = Array.from({ length: count }, (_, rank) => 1 / (rank + 1)).reduce((sum, share) => sum + share)
    for (const rank of [0, 1, 2, 9, 99]) {
      const expected = DRAWS / harmonic / (rank + 1)
      // Five standard deviations of a count.
      expect(Math.abs((seen.get(rank) ?? 0) - expected), `rank ${String(rank)}`).toBeLessThan(5 * Math.sqrt(expected))
    }
    expect(Math.min(...seen.keys())).toBe(0)
    expect(Math.max(...seen.keys())).toBeLessThan(count)
    expect(seen.size).toBeGreaterThan(count * 0.99)
  })

  it('are the same for the same seed, and others for another', () => {
    const draw = (seed: number): readonly number[] => {
      const next = zipfRanks(100_000, 1, seededUniform(seed))
      return Array.from({ length: 20 }, next)
    }
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
  })
})
