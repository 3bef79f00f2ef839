import { describe, expect, it } from 'vitest'
import { DeviceLimits, RateLimit } from './rate-limit.js'

describe('RateLimit', () => {
  it('allows a burst, then the rate, and says how long to wait', () => {
    const limit = new RateLimit({ perSecond: 10, burst: 3 }, 0)
    for (let taken = 0; taken < 3; taken++) {
      expect(limit.affords(1, 0)).toBe(true)
      limit.take(1)
    }
    expect([limit.affords(1, 0), limit.waitMs(1)]).toEqual([false, 100])
    expect([limit.affords(1, 99), limit.affords(1, 100)]).toEqual([false, true])
  })

  it('does not grow beyond its burst, and time that goes back gives nothing', () => {
    const limit = new RateLimit({ perSecond: 10, burst: 2 }, 1_000)
    limit.take(2)
    expect(limit.affords(1, 0)).toBe(false)
    expect(limit.affords(2, 100_000)).toBe(true)
    limit.take(2)
    expect(limit.affords(1, 100_000)).toBe(false)
  })

  it('lets a cost above the burst through when the bucket is full, and makes the next wait for it', () => {
    const limit = new RateLimit({ perSecond: 100, burst: 100 }, 0)
    expect(limit.affords(500, 0)).toBe(true)
    limit.take(500)
    expect([limit.affords(1, 4_000), limit.affords(1, 4_010)]).toEqual([false, true])
  })
})

describe('DeviceLimits', () => {
  it('counts messages and their bytes, and takes nothing for what it refuses', () => {
    const wide = { perSecond: 1, burst: 100 }
    const limits = new DeviceLimits({ messages: { perSecond: 1, burst: 3 }, bytes: { perSecond: 1_000, burst: 1_000 }, requests: wide, signals: wide, patience: wide })
    expect(limits.takeMessage(900, 0)).toBe(0)
    expect(limits.takeMessage(900, 0)).toBe(800)
    expect(limits.takeMessage(50, 0)).toBe(0)
    expect(limits.takeMessage(50, 0)).toBe(0)
    expect(limits.takeMessage(1, 0)).toBe(1_000)
  })

  it('begin full, whenever the first of a kind comes', () => {
    const rate = { perSecond: 1, burst: 2 }
    const limits = new DeviceLimits({ messages: rate, bytes: { perSecond: 1, burst: 1_000 }, requests: rate, signals: rate, patience: rate })
    expect([limits.takeRequest(0), limits.takeRequest(0), limits.takeRequest(0)]).toEqual([0, 0, 1_000])
    // An hour later the others were not used yet: they hold their burst, and no more.
    const nowMs = 3_600_000
    expect([limits.takeMessage(1, nowMs), limits.takeMessage(1, nowMs), limits.takeMessage(1, nowMs)]).toEqual([0, 0, 1_000])
    expect([limits.takeSignal(nowMs), limits.takeSignal(nowMs), limits.takeSignal(nowMs)]).toEqual([true, true, false])
    for (const affords of [true, true, false]) {
      expect(limits.patience.affords(1, nowMs)).toBe(affords)
      limits.patience.take(1)
    }
  })
})
