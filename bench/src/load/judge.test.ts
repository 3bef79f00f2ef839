import { describe, expect, it } from 'vitest'
import { exitCodeOf } from './cli/exit-codes.js'
import { unjudged } from './fake-result.fixture.js'
import { judgeRun, type JudgeOptions } from './judge.js'
import { IMPLICIT_THRESHOLDS, parseThreshold } from './measure/thresholds.js'
import type { Counters, Unjudged } from './result.js'

const judged = (run: Unjudged, options: Partial<JudgeOptions> = {}): ReturnType<typeof judgeRun> => judgeRun(run, { thresholds: [], isCountersOnly: false, ...options })
const counting = (change: Partial<Counters>): Unjudged => unjudged({ counters: { ...unjudged().counters, ...change } })
const saturated = unjudged({ generator: { ...unjudged().generator, sendLagP99Ms: 1_000 } })

describe('a run', () => {
  it('passes when nothing is wrong', () => {
    expect(judged(unjudged())).toMatchObject({ verdict: 'pass', validity: { valid: true, reasons: [] } })
    expect(exitCodeOf('pass')).toBe(0)
  })

  it.each(IMPLICIT_THRESHOLDS.map((text) => text.replace('==0', '')))('fails when %s is not zero', (counter) => {
    const { verdict, thresholds } = judged(counting({ [counter]: 1 }))
    expect(verdict).toBe('breach')
    expect(exitCodeOf(verdict)).toBe(99)
    expect(thresholds.filter(({ held }) => !held)).toEqual([{ text: `${counter}==0`, held: false, actual: 1 }])
  })

  it('fails by a threshold of its own', () => {
    expect(judged(unjudged(), { thresholds: [parseThreshold('p99<2ms')] }).verdict).toBe('breach')
    expect(judged(unjudged(), { thresholds: [parseThreshold('p99<20ms')] }).verdict).toBe('pass')
  })

  it('is not valid when the generator was saturated: its figures are not the server\'s', () => {
    const { verdict, validity } = judged(saturated)
    expect([verdict, validity.valid, exitCodeOf(verdict)]).toEqual(['invalid', false, 2])
  })

  it('passes by the counters alone where that was asked for, and still says that it is not valid', () => {
    expect(judged(saturated, { isCountersOnly: true })).toMatchObject({ verdict: 'pass', validity: { valid: false } })
    expect(judged({ ...saturated, counters: { ...saturated.counters, lost: 1 } }, { isCountersOnly: true }).verdict).toBe('breach')
  })

  it('is not valid when it was to send and did not', () => {
    expect(judged(counting({ sent: 0 })).verdict).toBe('invalid')
  })

  it('says what to do about rate limits', () => {
    expect(judged({ ...counting({ refused: 3 }), failures: { 'limited.rate': 3 } }).notes.join()).toMatch(/EVEGRAM_RATE_FACTOR/)
  })
})
