import { describe, expect, it } from 'vitest'
import { STOPPABLE_ACTS } from './acting-parts.js'
import { planKills } from './crash-plan.js'

describe('the kills of a crash run', () => {
  it('are the same for a seed, and others for another', () => {
    expect(planKills(7, 50)).toEqual(planKills(7, 50))
    expect(planKills(7, 50)).not.toEqual(planKills(8, 50))
    expect(planKills(7, 50).slice(0, 10)).toEqual(planKills(7, 10))
  })

  it('are at every call, before it and behind it, within 44, and as often at any moment', () => {
    const kills = planKills(1, 2 * 2 * STOPPABLE_ACTS.length)
    const atCalls = kills.flatMap(({ at }) => at === undefined ? [] : [at])
    expect(atCalls).toHaveLength(kills.length / 2)
    expect(new Set(atCalls.map(({ act, when }) => `${when} ${act}`)).size).toBe(2 * STOPPABLE_ACTS.length)
    expect(new Set(atCalls.map(({ nth }) => nth))).toEqual(new Set([1, 2, 3]))
    expect(Math.max(...kills.map(({ waitMs }) => waitMs))).toBeGreaterThan(2_000)
  })
})
