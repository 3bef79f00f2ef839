import { decodeLatencyHistogram } from '../measure/latency-histogram.js'
import type { Distribution } from '../result.js'

/** Points of the curve for each step of ten: 90 % to 99 %, 99 % to 99.9 %, … */
const POINTS_PER_DECADE = 12
/** Up to 99.99 % (four nines). */
const DECADES = 4

/** Places on the axis of a percentile curve: how many nines, from 0 (the least) to 4 (99.99 %). */
export const NINES: readonly number[] = Array.from({ length: DECADES * POINTS_PER_DECADE + 1 }, (_, index) => index / POINTS_PER_DECADE)

/** The percentile at so many nines: 0 is 0 %, 1 is 90 %, 2 is 99 %. */
export function percentileOfNines(nines: number): number {
  return 100 * (1 - 10 ** -nines)
}

/** Latencies in ms at {@link NINES}; null for percentiles that so few measurements do not tell. */
export function percentileCurve({ histogram, count }: Distribution): readonly (number | null)[] {
  const decoded = decodeLatencyHistogram(histogram)
  return NINES.map((nines) => (count * 10 ** -nines < 1 ? null : decoded.percentileMs(percentileOfNines(nines))))
}
