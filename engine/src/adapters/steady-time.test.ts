import type { Clock } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { SteadyTime } from './steady-time.js'

describe('SteadyTime', () => {
  it('follows the wall clock forward, never back, and runs on meanwhile', () => {
    const at = { wallMs: 1_000_000, monotonicMs: 0 }
    const never = (): never => { throw new Error('no timers are needed') }
    const clock: Clock = { now: () => at.wallMs, monotonicMs: () => at.monotonicMs, after: never, every: never }
    const time = new SteadyTime(clock)
    at.wallMs -= 60_000
    at.monotonicMs += 500
    expect(time.nowMs()).toBe(1_000_500)
    at.wallMs += 3_600_000
    expect(time.nowMs()).toBe(1_000_000 - 60_000 + 3_600_000)
    time.raise(9_000_000)
    at.monotonicMs += 10
    expect(time.nowMs()).toBe(9_000_010)
    time.raise(5)
    expect(time.nowMs()).toBe(9_000_010)
  })
})
