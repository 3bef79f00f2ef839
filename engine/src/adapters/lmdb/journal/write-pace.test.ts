import { describe, expect, it } from 'vitest'
import { FAST_WRITE_MS_MAX, SLOW_FOR_MS, WritePace } from './write-pace.js'

/** Writes of `ms` each, one behind the other, as long as they are waited for; how many that were, `count` at most. */
function waitedFor(pace: WritePace, ms: number, count: number, fromMs = 0): number {
  for (let done = 0; done < count; done++) {
    if (!pace.isFast(fromMs + done * ms)) return done
    pace.took(ms, fromMs + (done + 1) * ms)
  }
  return count
}

describe('whether a write of the journal is waited for', () => {
  it('waits for a disk that is fast', () => {
    expect(waitedFor(new WritePace(), FAST_WRITE_MS_MAX, 1_000)).toBe(1_000)
  })

  it('leaves a slow disk to the pool after some writes', () => {
    expect(waitedFor(new WritePace(), 10, 100)).toBeLessThanOrEqual(12)
    expect(waitedFor(new WritePace(), 1_000, 100)).toBe(1)
  })

  it('does not take one slow write for a slow disk', () => {
    const pace = new WritePace()
    waitedFor(pace, 0.4, 100)
    pace.took(30, 100)
    expect(pace.isFast(100)).toBe(true)
  })

  it('tries a slow disk with some writes in a while, and waits again as soon as it is fast', () => {
    const pace = new WritePace()
    pace.took(1_000, 0)
    expect(pace.isFast(SLOW_FOR_MS - 1)).toBe(false)
    const tried = waitedFor(pace, 10, 100, SLOW_FOR_MS)
    expect(tried).toBeLessThanOrEqual(7)
    const endedMs = SLOW_FOR_MS + tried * 10
    expect(pace.isFast(endedMs + SLOW_FOR_MS - 1)).toBe(false)
    expect(waitedFor(pace, 0.4, 100, endedMs + SLOW_FOR_MS)).toBe(100)
  })
})
