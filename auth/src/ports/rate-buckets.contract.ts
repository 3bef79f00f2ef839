import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RateBuckets, RateRule } from './rate-buckets.js'

/** Buckets under test. */
export interface RateBucketsSubject {
  /** The same buckets as several processes see them; one where they are not shared. */
  readonly processes: readonly RateBuckets[]
  /** Lets time pass: on a test clock at once, on a real store by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

/** The promises of {@link RateBuckets}, run by every adapter. `setup` gives full buckets. */
export function describeRateBuckets(adapter: { readonly name: string; readonly setup: () => Promise<RateBucketsSubject> }): void {
  const slow: RateRule = { name: 'test.slow', capacity: 5, refillMs: 600_000, keysMax: 100 }
  const quick: RateRule = { name: 'test.quick', capacity: 2, refillMs: 1_000, keysMax: 100 }

  describe(`RateBuckets: ${adapter.name}`, () => {
    let subject: RateBucketsSubject
    beforeEach(async () => { subject = await adapter.setup() })
    afterEach(() => subject.close())
    const taken = async (rule: RateRule, key: string, times: number): Promise<number> => {
      const { processes } = subject
      const results = await Promise.all(Array.from({ length: times }, (_, index) => processes[index % processes.length]!.take(rule, key)))
      return results.filter(({ status }) => status === 'taken').length
    }

    it('grants the burst and no more, however many ask at the same time', async () => {
      expect(await taken(slow, 'a', 50)).toBe(slow.capacity)
      expect(await taken(slow, 'a', 5)).toBe(0)
    })

    it('keeps keys and rules apart', async () => {
      await taken(slow, 'a', 5)
      expect(await taken(slow, 'b', 50)).toBe(slow.capacity)
      expect(await taken({ ...slow, name: 'test.other', capacity: 3 }, 'a', 50)).toBe(3)
    })

    it('says what is left and how long to wait, and gives one back after that time', async () => {
      const [first] = subject.processes
      expect(await first!.take(quick, 'a')).toEqual({ status: 'taken', left: 1 })
      expect(await first!.take(quick, 'a')).toEqual({ status: 'taken', left: 0 })
      const limited = await first!.take(quick, 'a')
      if (limited.status !== 'limited') throw new Error('expected the limit')
      expect(limited.retryAfterMs).toBeGreaterThan(0)
      expect(limited.retryAfterMs).toBeLessThanOrEqual(quick.refillMs)
      await subject.advance(limited.retryAfterMs)
      expect(await taken(quick, 'a', 10)).toBe(1)
    })

    it('never holds more than the burst', async () => {
      await taken(quick, 'a', 2)
      await subject.advance(3 * quick.refillMs)
      expect(await taken(quick, 'a', 10)).toBe(quick.capacity)
    })

    it('counts with fractions of tokens', async () => {
      expect(await taken({ name: 'test.fraction', capacity: 1.5, refillMs: 600_000, keysMax: 100 }, 'a', 10)).toBe(1)
    })
  })
}
