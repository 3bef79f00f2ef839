import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js'

/** Longest time that is told apart: what took longer counts as this. */
export const LATENCY_US_MAX = 600_000_000
/** Values of so many bits are told apart exactly, larger ones by so many of their upper bits: the buckets of HdrHistogram at three digits. */
const EXACT_BITS = 11
const BITS = 32
/** Up to {@link LATENCY_US_MAX}, which has 30 bits. */
const FRESH_BUCKETS = (BITS - 2 - EXACT_BITS + 1) << EXACT_BITS
/** Percentiles of every summary, by the name of their field. */
export const PERCENTILES = { p50: 50, p75: 75, p90: 90, p95: 95, p99: 99, p999: 99.9, p9999: 99.99 } as const
/** See {@link PERCENTILES}. */
export type PercentileName = keyof typeof PERCENTILES

/** What a result says of one kind of time, in milliseconds. */
export interface LatencySummary extends Readonly<Record<PercentileName, number>> {
  readonly count: number
  readonly mean: number
  readonly max: number
}

/** Times in microseconds at three significant digits (HdrHistogram): merging loses nothing, because all of them have the same buckets. */
export class LatencyHistogram {
  readonly #histogram: Histogram = empty()
  /** What was recorded since {@link #all} was asked for last, by the bucket that it falls into. */
  #fresh: Uint32Array | undefined
  #freshCount = 0

  get count(): number {
    return this.#histogram.totalCount + this.#freshCount
  }

  /** Counts one time in microseconds; below 1 counts as 1. Whole numbers alone, as it is called several times for every message. */
  record(us: number): void {
    const value = us >= LATENCY_US_MAX ? LATENCY_US_MAX : us < 1 ? 1 : Math.round(us)
    const shift = Math.max(0, BITS - EXACT_BITS - Math.clz32(value))
    const bucket = (shift << EXACT_BITS) + (value >>> shift)
    const fresh = this.#fresh ??= new Uint32Array(FRESH_BUCKETS)
    fresh[bucket] = (fresh[bucket] ?? 0) + 1
    this.#freshCount++
  }

  /** Adds everything that another one, encoded, has counted. Throws for bytes that are none. */
  addEncoded(encoded: string): void {
    this.#histogram.add(decodeFromCompressedBase64(encoded, 32, false))
  }

  /** Everything counted, as the HdrHistogram V2 compressed format in base64: other tools read it. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#all())
  }

  /** Counts from nothing. */
  reset(): void {
    this.#histogram.reset()
    this.#fresh?.fill(0)
    this.#freshCount = 0
  }

  /** Value in ms below which `percent` of all times are. 0 without any. */
  percentileMs(percent: number): number {
    return this.count === 0 ? 0 : this.#all().getValueAtPercentile(percent) / 1_000
  }

  get maxMs(): number {
    // By its bucket, as all others: the exact one does not survive encoding.
    return this.percentileMs(100)
  }

  summary(): LatencySummary {
    const at = (percent: number): number => this.percentileMs(percent)
    return {
      count: this.count, mean: this.count === 0 ? 0 : Math.round(this.#all().mean) / 1_000, max: this.maxMs,
      p50: at(50), p75: at(75), p90: at(90), p95: at(95), p99: at(99), p999: at(99.9), p9999: at(99.99),
    }
  }

  /** The distribution as `.hgrm` text in milliseconds, which HdrHistogram's plotter reads. */
  hgrm(): string {
    return this.#all().outputPercentileDistribution(5, 1_000)
  }

  /** Everything that was recorded. */
  #all(): Histogram {
    const fresh = this.#fresh
    if (fresh === undefined || this.#freshCount === 0) return this.#histogram
    for (let bucket = 0; bucket < fresh.length; bucket++) {
      const count = fresh[bucket] ?? 0
      if (count > 0) this.#histogram.recordValueWithCount((bucket & ((1 << EXACT_BITS) - 1)) * 2 ** (bucket >>> EXACT_BITS), count)
    }
    fresh.fill(0)
    this.#freshCount = 0
    return this.#histogram
  }
}

function empty(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: LATENCY_US_MAX, numberOfSignificantValueDigits: 3, useWebAssembly: false })
}

/** A histogram of what {@link LatencyHistogram.encode} gave. */
export function decodeLatencyHistogram(encoded: string): LatencyHistogram {
  const histogram = new LatencyHistogram()
  histogram.addEncoded(encoded)
  return histogram
}
