import { describe, expect, it } from 'vitest'
import { ratiosOf, spreadOf, type ComparedRun } from './compare.js'
import { diffResults, readResult } from './diff.js'
import { distribution, result } from './fake-result.fixture.js'
import type { LoadResult } from './result.js'

function compared(driver: 'evegram' | 'raw-uws', run: number, perCpuSecond: number, change: Partial<LoadResult> = {}): ComparedRun {
  const base = result()
  return {
    scenario: 'one-to-one', part: 'closed', run,
    result: { ...base, config: { ...base.config, driver }, server: base.server === null ? null : { ...base.server, deliveriesPerCpuSecond: perCpuSecond }, ...change },
  }
}

describe('ratios', () => {
  it('are made repetition by repetition, and show their spread', () => {
    const runs = [compared('evegram', 0, 50), compared('raw-uws', 0, 100), compared('evegram', 1, 60), compared('raw-uws', 1, 100), compared('evegram', 2, 99), compared('raw-uws', 2, 110)]
    expect(ratiosOf(runs, 'evegram')).toMatchObject([{ of: 'evegram', to: 'raw-uws', part: 'closed', perCpuSecond: { min: 0.5, median: 0.6, max: 0.9 }, rate: { median: 1 }, valid: true }])
  })

  it('say when a run behind them is not valid, and when nothing was measured', () => {
    const runs = [compared('evegram', 0, 50, { validity: { valid: false, reasons: ['x'] } }), compared('raw-uws', 0, 100, { server: null })]
    expect(ratiosOf(runs, 'evegram')).toMatchObject([{ perCpuSecond: null, valid: false }])
  })

  it('keep what a message costs apart from rates: that stands when only a generator was at its end', () => {
    const [generator, atItsEnd] = [result().generator, { validity: { valid: false, reasons: ['a worker used a whole core'] } }]
    const judge = (change: Partial<LoadResult>): unknown => ratiosOf([compared('evegram', 0, 50), compared('raw-uws', 0, 100, { ...atItsEnd, ...change })], 'evegram')[0]
    expect(judge({ generator: { ...generator, cpuShare: 1 } })).toMatchObject({ valid: false, perCpuSecondValid: true })
    expect(judge({ generator: { ...generator, serverStarvedShare: 0.5 } })).toMatchObject({ valid: false, perCpuSecondValid: false })
    expect(judge({ verdict: 'breach' })).toMatchObject({ perCpuSecondValid: false })
  })

  it('of an even number of runs have a median that was measured', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2, max: 4 })
    expect(spreadOf([])).toBeNull()
  })
})

describe('a diff', () => {
  const before = result({ latency: { delivery: distribution(10, 10, 10), acknowledgement: null, sendLag: null } })

  it('calls a change noise inside of the band, and better or worse outside', () => {
    const verdictOf = (after: LoadResult, metric: string): string | undefined => diffResults(before, after, 0.1).changes.find((one) => one.metric === metric)?.verdict
    expect(verdictOf({ ...before, latency: { ...before.latency, delivery: distribution(10.9, 10.9, 10.9) } }, 'p99')).toBe('same')
    expect(verdictOf({ ...before, latency: { ...before.latency, delivery: distribution(12, 12, 12) } }, 'p99')).toBe('worse')
    expect(verdictOf({ ...before, latency: { ...before.latency, delivery: distribution(8, 8, 8) } }, 'p99')).toBe('better')
    expect(verdictOf({ ...before, deliveriesPerSecond: 8 }, 'rate')).toBe('worse')
    expect(verdictOf({ ...before, counters: { ...before.counters, lost: 1 } }, 'lost')).toBe('worse')
  })

  it('is worse when one figure is, and not when none is', () => {
    expect(diffResults(before, { ...before, deliveriesPerSecond: 5 }, 0.1).isWorse).toBe(true)
    expect(diffResults(before, before, 0.1)).toMatchObject({ isWorse: false, differences: [] })
  })

  it('says why two results should not be compared', () => {
    expect(diffResults(before, { ...before, config: { ...before.config, clients: 9, seed: 'other' } }, 0.1).differences).toEqual(['clients: 2 before, 9 after'])
    expect(diffResults(before, { ...before, validity: { valid: false, reasons: ['busy'] } }, 0.1).differences).toEqual(['the result after is not valid: busy'])
  })

  it('reads results of its own format alone', () => {
    expect(readResult('a', JSON.stringify(before))).toEqual(JSON.parse(JSON.stringify(before)))
    for (const text of ['', '{}', 'null', '{"format":"evegram-bench/0"}']) expect(() => readResult('a.json', text)).toThrow(/a\.json/)
  })
})
