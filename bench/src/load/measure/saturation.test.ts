import { describe, expect, it } from 'vitest'
import { saturationReasons, type GeneratorLoad } from './saturation.js'

const load = (change: Partial<GeneratorLoad> = {}): GeneratorLoad => ({
  sendLagP99Ms: 1, unsent: 0, eventLoopDelayP99Ms: 2, cpuShare: 0.5, waitedShare: 0.02, serverWaitedShare: 0.03, clockErrorMs: 0, ...change,
})

describe('the detector of a saturated generator', () => {
  it('lets a run with room on all sides be', () => {
    expect(saturationReasons(load())).toEqual([])
    expect(saturationReasons(load({ serverWaitedShare: undefined }))).toEqual([])
  })

  it.each([
    [{ sendLagP99Ms: 21 }, /behind their planned time/], [{ unsent: 1 }, /never left/], [{ eventLoopDelayP99Ms: 51 }, /event loop/],
    [{ waitedShare: 0.11 }, /a worker waited for a core 11 %/], [{ serverWaitedShare: 0.2 }, /the server waited/], [{ clockErrorMs: 2 }, /clocks/],
    [{ sendLagP99Ms: undefined, cpuShare: 0.99 }, /a whole core/],
  ] satisfies [Partial<GeneratorLoad>, RegExp][])('refuses a run with %o', (change, reason) => {
    const reasons = saturationReasons(load(change))
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toMatch(reason)
  })

  it('does not hold against an open loop that it looks at the clock all the time', () => {
    expect(saturationReasons(load({ cpuShare: 1 }))).toEqual([])
  })
})
