import { describe, expect, it } from 'vitest'
import { InFlight } from './in-flight.js'

describe('InFlight', () => {
  it('stays below the present millisecond when nothing is on its way: the next position may still lie in it', () => {
    expect(new InFlight().publishedUntilMs(5_000.9)).toBe(4_999)
  })

  it('stays below the oldest send until all of its batch are settled', () => {
    const inFlight = new InFlight()
    const first = inFlight.begin(1_000, 2)
    const second = inFlight.begin(1_500, 1)
    expect(inFlight.publishedUntilMs(9_000)).toBe(999)
    inFlight.settle(first)
    expect(inFlight.publishedUntilMs(9_000)).toBe(999)
    inFlight.settle(first)
    expect(inFlight.publishedUntilMs(9_000)).toBe(1_499)
    inFlight.settle(second)
    expect([inFlight.publishedUntilMs(9_000), inFlight.size]).toEqual([8_999, 0])
  })

  it('cancels the look at overdue appends when nothing is left', () => {
    const inFlight = new InFlight()
    const batch = inFlight.begin(1, 1)
    let cancelled = 0
    batch.overdue = { cancel: () => { cancelled++ } }
    inFlight.settle(batch)
    expect(cancelled).toBe(1)
  })
})
