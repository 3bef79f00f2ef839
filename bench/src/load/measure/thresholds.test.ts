import { describe, expect, it } from 'vitest'
import { allThresholds, brokenForGood, IMPLICIT_THRESHOLDS, judgeThresholds, parseThreshold } from './thresholds.js'

describe('thresholds', () => {
  it('are read with their unit', () => {
    expect(parseThreshold('p99<50ms')).toEqual({ text: 'p99<50ms', metric: 'p99', operator: '<', bound: 50 })
    expect(parseThreshold(' ack.p99 <= 2s ')).toMatchObject({ metric: 'ack.p99', operator: '<=', bound: 2_000 })
    expect(parseThreshold('p50<800us').bound).toBeCloseTo(0.8)
    expect(parseThreshold('rate>=1000')).toMatchObject({ operator: '>=', bound: 1_000 })
  })

  it('are refused when they say nothing', () => {
    for (const text of ['p99', 'p99<', 'p99<fast', 'p98<1ms', 'rate>10ms', 'lost=0', '<5', 'toString<5']) expect(() => parseThreshold(text), text).toThrow(RangeError)
  })

  it('hold or not, at their bound too', () => {
    const judged = judgeThresholds(['p99<50', 'p99<=50', 'p99>50', 'p99>=50', 'p99==50'].map(parseThreshold), { p99: 50 })
    expect(judged.map(({ held }) => held)).toEqual([false, true, false, true, true])
  })

  it('do not hold where nothing was measured', () => {
    expect(judgeThresholds([parseThreshold('ack.p99<50ms')], {})).toEqual([{ text: 'ack.p99<50ms', held: false, actual: null }])
  })

  it('demand of every run that nothing is lost, unless one says otherwise', () => {
    const all = allThresholds([parseThreshold('refused<10')]).map(({ text }) => text)
    expect(all).toContain('lost==0')
    expect(all).toContain('refused<10')
    expect(all).not.toContain('refused==0')
    expect(all).toHaveLength(IMPLICIT_THRESHOLDS.length)
  })

  it('end a run early when they cannot hold any more, and not when they still can', () => {
    const thresholds = ['p99<50ms', 'rate>=1000', 'refused==0'].map(parseThreshold)
    expect(brokenForGood(thresholds, { p99: 60, rate: 5, refused: 0 })).toEqual(['p99<50ms'])
    expect(brokenForGood(thresholds, { p99: 20, rate: 5, refused: 1 })).toEqual(['refused==0'])
    expect(brokenForGood(thresholds, {})).toEqual([])
  })
})
