import { createMetrics, ManualClock } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { ADDRESS_RATES, DEVICE_RATE, LOOPBACK_FACTOR, RateLimits } from './rate-limits.js'

function granted(take: () => void): number {
  for (let count = 0; count < 1_000_000; count++) {
    try {
      take()
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
    expect(granted(() => { limits.takeForAddress('proofs', '203.0.113.1') })).toBe(ADDRESS_RATES.proofs.burst)
    expect(granted(() => { limits.takeForAddress('proofs', '203.0.113.2') })).toBe(ADDRESS_RATES.proofs.burst)
    expect(granted(() => { limits.takeForAddress('reads', '203.0.113.1') })).toBe(ADDRESS_RATES.reads.burst)
    expect(granted(() => { limits.takeForAddress('proofs', '127.0.0.1') })).toBe(ADDRESS_RATES.proofs.burst * LOOPBACK_FACTOR)
    clock.advance(ADDRESS_RATES.proofs.refillMs)
    expect(granted(() => { limits.takeForAddress('proofs', '203.0.113.1') })).toBe(1)
    expect(await metrics.text()).toContain('auth_rate_limited_total{rate="proofs"} 4')
  })

  it('counts one IPv6 customer as one', () => {
    const limits = new RateLimits({ clock: new ManualClock(), metrics: createMetrics(), factor: 1 })
    let host = 0
    expect(granted(() => { limits.takeForAddress('proofs', `2001:db8::${(++host).toString(16)}`) })).toBe(ADDRESS_RATES.proofs.burst)
  })

  it('limits devices, and multiplies everything by the factor', () => {
    const limits = new RateLimits({ clock: new ManualClock(), metrics: createMetrics(), factor: 3 })
    expect(granted(() => { limits.takeForDevice('a') })).toBe(DEVICE_RATE.burst * 3)
    expect(granted(() => { limits.takeForDevice('b') })).toBe(DEVICE_RATE.burst * 3)
  })
})
