import fc from 'fast-check'
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js'
import { describe, expect, it } from 'vitest'
import { decodeLatencyHistogram, LATENCY_US_MAX, LatencyHistogram } from './latency-histogram.js'

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const value of values) histogram.record(value)
  return histogram
}

describe('latencies of several workers', () => {
  it('merge without loss: as if one had counted all of them', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.integer({ min: 1, max: LATENCY_US_MAX }), { maxLength: 50 }), { minLength: 1, maxLength: 4 }), (workers) => {
      const merged = new LatencyHistogram()
      for (const values of workers) merged.addEncoded(histogramOf(values).encode())
      const alone = histogramOf(workers.flat())
      expect(merged.summary()).toEqual(alone.summary())
      expect(merged.encode()).toBe(alone.encode())
    }), { numRuns: 30 })
  })

  it('fall into the buckets of HdrHistogram', () => {
    const values = fc.array(fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: LATENCY_US_MAX })), { maxLength: 50 })
    fc.assert(fc.property(values, (list) => {
      const others = build({ lowestDiscernibleValue: 1, highestTrackableValue: LATENCY_US_MAX, numberOfSignificantValueDigits: 3, useWebAssembly: false })
      for (const value of list) others.recordValue(value)
      expect(histogramOf(list).encode()).toBe(encodeIntoCompressedBase64(others))
    }), { numRuns: 50 })
  })

  it('keep three digits, and what is longer than the longest', () => {
    const histogram = histogramOf([...Array.from({ length: 99 }, () => 12_345), LATENCY_US_MAX * 10])
    expect(histogram.summary()).toMatchObject({ count: 100, p50: 12.351 })
    expect(histogram.maxMs).toBeGreaterThan(LATENCY_US_MAX / 1_000 - 1_000)
    expect(decodeLatencyHistogram(histogram.encode()).summary()).toEqual(histogram.summary())
  })

  it('are zero where there are none', () => {
    expect(new LatencyHistogram().summary()).toEqual({ count: 0, mean: 0, max: 0, p50: 0, p75: 0, p90: 0, p95: 0, p99: 0, p999: 0, p9999: 0 })
  })
})
