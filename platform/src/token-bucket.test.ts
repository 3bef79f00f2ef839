import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from './manual-clock.js'
import { TokenBuckets } from './token-bucket.js'

describe('TokenBuckets', () => {
  it('grants the burst, then one token per refill time, and says how long to wait', () => {
    const clock = new ManualClock()
    const buckets = new TokenBuckets(clock, { capacity: 6, refillMs: 600_000, keysMax: 10 })
    for (let index = 5; index >= 0; index--) expect(buckets.take('a')).toEqual({ status: 'taken', left: index })
    expect(buckets.take('a')).toEqual({ status: 'limited', retryAfterMs: 600_000 })
    clock.advance(599_999)
    expect(buckets.take('a')).toEqual({ status: 'limited', retryAfterMs: 1 })
    clock.advance(1)
    expect(buckets.take('a').status).toBe('taken')
    expect(buckets.take('a').status).toBe('limited')
  })

  it('keeps keys apart and gives back what was not used', () => {
    const buckets = new TokenBuckets(new ManualClock(), { capacity: 1, refillMs: 1_000, keysMax: 10 })
    expect(buckets.take('a').status).toBe('taken')
    expect(buckets.take('b').status).toBe('taken')
    buckets.giveBack('a')
    expect(buckets.take('a').status).toBe('taken')
  })

  it('remembers no more keys than allowed, forgets the one unused for longest and counts it', () => {
    const buckets = new TokenBuckets(new ManualClock(), { capacity: 1, refillMs: 1_000, keysMax: 2 })
    buckets.take('a')
    buckets.take('b')
    buckets.take('a')
    buckets.take('c')
    expect(buckets.keys).toBe(2)
    expect(buckets.forgotten).toBe(1)
    expect(buckets.take('a').status).toBe('limited')
    expect(buckets.take('b').status).toBe('taken')
  })

  it('never grants more than the burst and what came back, whatever the order of calls', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 200 }), (pauses) => {
      const clock = new ManualClock()
      const buckets = new TokenBuckets(clock, { capacity: 5, refillMs: 1_000, keysMax: 1 })
      let granted = 0
      for (const pause of pauses) {
        clock.advance(pause)
        if (buckets.take('k').status === 'taken') granted++
      }
      expect(granted).toBeLessThanOrEqual(5 + clock.monotonicMs() / 1_000 + 1e-6)
    }))
  })

  it('does not care about the wall clock', () => {
    const clock = new ManualClock()
    const buckets = new TokenBuckets(clock, { capacity: 1, refillMs: 1_000, keysMax: 1 })
    buckets.take('a')
    clock.stepWall(3_600_000)
    expect(buckets.take('a').status).toBe('limited')
  })
})
