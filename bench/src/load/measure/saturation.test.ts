import { describe, expect, it } from 'vitest'
import { costStands, saturationReasons, type GeneratorLoad } from './saturation.js'

const load = (change: Partial<GeneratorLoad> = {}): GeneratorLoad => ({
  sendLagP99Ms: 1, unsent: 0, eventLoopDelayP99Ms: 2, cpuShare: 0.5, waitedShare: 0.02, serverStarvedShare: 0.03, clockErrorMs: 0, ...change,
})

describe('the detector of a saturated generator', () => {
  it('lets a run with room on all sides be', () => {
    expect(saturationReasons(load())).toEqual([])
    expect(saturationReasons(load({ serverStarvedShare: undefined }))).toEqual([])
  })

  it.each([
    [{ sendLagP99Ms: 21 }, /behind their planned time/], [{ unsent: 1 }, /never left/], [{ eventLoopDelayP99Ms: 51 }, /event loop/],
    [{ waitedShare: 0.11 }, /a worker waited for a core 11 %/], [{ serverStarvedShare: 0.2 }, /others kept the server from its core 20 %/], [{ clockErrorMs: 2 }, /clocks/],
    [{ sendLagP99Ms: undefined, cpuShare: 0.99 }, /a whole core/],
  ] satisfies [Partial<GeneratorLoad>, RegExp][])('refuses a run with %o', (change, reason) => {
    const reasons = saturationReasons(load(change))
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toMatch(reason)
  })

  it('lets the cost of a message stand when only the generator was at its end', () => {
    expect(costStands(load({ sendLagP99Ms: undefined, cpuShare: 1 }))).toBe(true)
    expect(costStands(load({ sendLagP99Ms: 80, waitedShare: 0.5, eventLoopDelayP99Ms: 90 }))).toBe(true)
    for (const change of [{ serverStarvedShare: 0.11 }, { serverStarvedShare: undefined }, { unsent: 1 }]) expect(costStands(load(change))).toBe(false)
  })

  it('does not hold against an open loop that it looks at the clock all the time', () => {
    expect(saturationReasons(load({ cpuShare: 1 }))).toEqual([])
  })
})
