/** Fewer points than this say nothing about a trend. */
export const SLOPE_POINTS_MIN = 8

/** One value at a time, in seconds. */
export interface SlopePoint {
  readonly atSeconds: number
  readonly value: number
}

/**
 * How much the values grow in an hour, by the median of the slopes between all pairs of points (Theil and Sen): a few values that stick out, as after a
 * garbage collection, do not move it. Undefined for fewer than {@link SLOPE_POINTS_MIN} points. Of long series every n-th point is taken.
 */
export function slopePerHour(points: readonly SlopePoint[]): number | undefined {
  const every = Math.max(1, Math.ceil(points.length / POINTS_MAX))
  const taken = points.filter((_, index) => index % every === 0)
  if (taken.length < SLOPE_POINTS_MIN) return undefined
  const slopes: number[] = []
  for (const [index, from] of taken.entries()) {
    for (const to of taken.slice(index + 1)) if (to.atSeconds > from.atSeconds) slopes.push((to.value - from.value) / (to.atSeconds - from.atSeconds))
  }
  slopes.sort((left, right) => left - right)
  const middle = slopes.length >> 1
  const median = slopes.length % 2 === 1 ? slopes[middle] : ((slopes[middle - 1] ?? 0) + (slopes[middle] ?? 0)) / 2
  return median === undefined ? undefined : median * 3_600
}

/** Pairs grow with the square: so many points are 31,000 of them. */
const POINTS_MAX = 250
