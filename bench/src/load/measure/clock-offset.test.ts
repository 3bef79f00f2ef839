import { describe, expect, it } from 'vitest'
import { clockOffset } from './clock-offset.js'
import { monotonicUs } from './monotonic.js'

describe('the offset of a clock', () => {
  it('is that of the fastest answer: a slow one says little', () => {
    expect(clockOffset([{ askedUs: 0, answeredUs: 10_000, theirsUs: 9_000 }, { askedUs: 20_000, answeredUs: 20_100, theirsUs: 20_250 }])).toEqual({ offsetUs: 200, uncertaintyUs: 50 })
  })

  it('needs an answer', () => {
    expect(() => clockOffset([])).toThrow(RangeError)
  })
})

describe('the monotonic clock', () => {
  it('is the one that all processes of the machine share', () => {
    const before = Number(process.hrtime.bigint()) / 1e3
    const now = monotonicUs()
    const after = Number(process.hrtime.bigint()) / 1e3
    // The process may lose its core while the offset is measured, but not in all of 64 readings.
    expect(now).toBeGreaterThan(before - 1_000)
    expect(now).toBeLessThan(after + 1_000)
  })
})
