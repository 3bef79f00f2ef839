import { createMetrics, ManualClock } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { ADDRESS_RATES, DEVICE_RATE, LOOPBACK_FACTOR, RateLimits } from './rate-limits.js'

async function granted(take: () => Promise<void>): Promise<number> {
  for (let count = 0; count < 1_000_000; count++) {
    try {
      await take()
    } catch {
      return count
    }
  }
  return Infinity
}

describe('RateLimits', () => {
  it('limits each address and kind by itself, this machine more generously', async () => {
    const metrics = createMetrics()
    const clock = new ManualClock()
    const limits = new RateLimits({ clock, metrics, factor: 1 })
    expect(await granted(() => limits.takeForAddress('proofs', '203.0.113.1'))).toBe(ADDRESS_RATES.proofs.burst)
    expect(await granted(() => limits.takeForAddress('proofs', '203.0.113.2'))).toBe(ADDRESS_RATES.proofs.burst)
    expect(await granted(() => limits.takeForAddress('reads', '203.0.113.1'))).toBe(ADDRESS_RATES.reads.burst)
    expect(await granted(() => limits.takeForAddress('proofs', '127.0.0.1'))).toBe(ADDRESS_RATES.proofs.burst * LOOPBACK_FACTOR)
    clock.advance(ADDRESS_RATES.proofs.refillMs)
    expect(await granted(() => limits.takeForAddress('proofs', '203.0.113.1'))).toBe(1)
    expect(await metrics.text()).toContain('auth_rate_limited_total{rate="proofs"} 4')
  })

  it('counts one IPv6 customer as one', async () => {
    const limits = new RateLimits({ clock: new ManualClock(), metrics: createMetrics(), factor: 1 })
    let host = 0
    expect(await granted(() => limits.takeForAddress('proofs', `2001:db8::${(++host).toString(16)}`))).toBe(ADDRESS_RATES.proofs.burst)
  })

  it('limits devices, and multiplies everything by the factor', async () => {
    const limits = new RateLimits({ clock: new ManualClock(), metrics: createMetrics(), factor: 3 })
    expect(await granted(() => limits.takeForDevice('a'))).toBe(DEVICE_RATE.burst * 3)
    expect(await granted(() => limits.takeForDevice('b'))).toBe(DEVICE_RATE.burst * 3)
  })
})
