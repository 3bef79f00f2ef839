import { describe, expect, it } from 'vitest'
import { Arrivals, type ArrivalKind } from './arrivals.js'
import { parseStages, RatePlan } from './rate-plan.js'

function all(kind: ArrivalKind, stages: string, seed: string, senders = 10): { readonly times: readonly number[]; readonly senders: readonly number[] } {
  const arrivals = new Arrivals(new RatePlan(parseStages(stages)), kind, senders, seed)
  const [times, who]: [number[], number[]] = [[], []]
  for (let next = arrivals.next(); next !== undefined; next = arrivals.next()) {
    times.push(next.atSeconds)
    who.push(next.sender)
  }
  return { times, senders: who }
}
const gapsOf = (times: readonly number[]): readonly number[] => times.slice(1).map((time, index) => time - (times[index] ?? 0))
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

describe('planned times', () => {
  it('of a Poisson process have the mean, the spread and the independence of one', () => {
    const { times, senders } = all('poisson', '100s:200', 'a')
    // 20,000 expected; four standard deviations are 566.
    expect(Math.abs(times.length - 20_000)).toBeLessThan(566)
    const gaps = gapsOf(times)
    const average = mean(gaps)
    const variance = mean(gaps.map((gap) => (gap - average) ** 2))
    // Of an exponential distribution the variance is the square of the mean.
    expect(variance / average ** 2).toBeGreaterThan(0.94)
    expect(variance / average ** 2).toBeLessThan(1.06)
    for (let sender = 0; sender < 10; sender++) expect(Math.abs(senders.filter((one) => one === sender).length - times.length / 10)).toBeLessThan(180)
  })

  it('follow a ramp: three quarters of it come in its second half', () => {
    const { times } = all('poisson', '100s:0-200', 'b')
    expect(times.filter((time) => time > 50).length / times.length).toBeCloseTo(0.75, 1)
  })

  it('rise, lie inside of the plan, and are the same for the same seed alone', () => {
    for (const kind of ['poisson', 'constant'] as const) {
      const { times } = all(kind, '5s:100-300,5s:50', 'c')
      expect(gapsOf(times).every((gap) => gap >= 0)).toBe(true)
      expect(times.every((time) => time >= 0 && time <= 10)).toBe(true)
      expect(all(kind, '5s:100-300,5s:50', 'c').times).toEqual(times)
      expect(all(kind, '5s:100-300,5s:50', 'd').times).not.toEqual(times)
    }
  })

  it('that are even have equal gaps, and every sender has its turn', () => {
    const { times, senders } = all('constant', '10s:50', 'e', 5)
    expect(times.length).toBe(500)
    for (const gap of gapsOf(times)) expect(gap).toBeCloseTo(0.02, 6)
    expect(senders.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 0])
  })

  it('are none without senders', () => {
    expect(all('poisson', '1s:100', 'f', 0).times).toEqual([])
  })
})
