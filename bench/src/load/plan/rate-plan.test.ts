import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSeconds, parseStages, RatePlan } from './rate-plan.js'

const stage = fc.record({
  seconds: fc.double({ min: 0.1, max: 600, noNaN: true }), fromPerSecond: fc.double({ min: 0, max: 10_000, noNaN: true }), toPerSecond: fc.double({ min: 0, max: 10_000, noNaN: true }),
})

describe('a planned rate', () => {
  it('counts what is planned under a ramp as its area', () => {
    const plan = new RatePlan([{ seconds: 10, fromPerSecond: 0, toPerSecond: 100 }, { seconds: 5, fromPerSecond: 100, toPerSecond: 100 }])
    expect(plan.plannedUntil(10)).toBeCloseTo(500)
    expect(plan.plannedUntil(15)).toBeCloseTo(1_000)
    expect(plan.plannedUntil(99)).toBeCloseTo(1_000)
    expect([plan.rateAt(0), plan.rateAt(5), plan.rateAt(12), plan.rateAt(15)]).toEqual([0, 50, 100, 0])
    expect(plan.timeOf(125)).toBeCloseTo(5)
    expect(plan.timeOf(1_000)).toBeUndefined()
  })

  it('finds the time of every planned message, whatever the stages', () => {
    fc.assert(fc.property(fc.array(stage, { minLength: 1, maxLength: 5 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (stages, share) => {
      const plan = new RatePlan(stages)
      const total = plan.plannedUntil(plan.seconds)
      fc.pre(total > 1)
      const at = plan.timeOf(total * share)
      expect(at).toBeDefined()
      expect(Math.abs(plan.plannedUntil(at ?? -1) - total * share)).toBeLessThan(Math.max(1e-6, total * 1e-6))
    }))
  })

  it('is shared by workers without loss', () => {
    const plan = new RatePlan(parseStages('10s:100-500,30s:500'))
    expect(plan.scaled(0.25).plannedUntil(40) + plan.scaled(0.75).plannedUntil(40)).toBeCloseTo(plan.plannedUntil(40))
  })

  it('reads stages and lengths, and refuses anything else', () => {
    expect(parseStages('500ms:10, 1m:10-20')).toEqual([{ seconds: 0.5, fromPerSecond: 10, toPerSecond: 10 }, { seconds: 60, fromPerSecond: 10, toPerSecond: 20 }])
    expect(['30s', '30', '1.5m', '1h'].map(parseSeconds)).toEqual([30, 30, 90, 3_600])
    for (const text of ['', '0s', '-1s', '2d', '30 s m', 'NaN', '25h']) expect(() => parseSeconds(text)).toThrow(RangeError)
    for (const text of ['', '30s', '30s:', '30s:x', ':5', '10s:1-2-3']) expect(() => parseStages(text)).toThrow(RangeError)
    expect(() => new RatePlan([])).toThrow(RangeError)
    expect(() => new RatePlan([{ seconds: 1, fromPerSecond: -1, toPerSecond: 1 }])).toThrow(RangeError)
  })
})
