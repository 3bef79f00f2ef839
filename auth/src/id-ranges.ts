/** Inclusive ranges of ids, sorted, not touching: `[1, 100, 200, 250]` is 1-100 and 200-250. */
export type IdRanges = readonly number[]

/** Ranges that one set may have. Devices count their ids upwards, so one or two are usual. */
export const ID_RANGES_MAX = 512

/** Whether the set holds `id`. */
export function includesId(ranges: IdRanges, id: number): boolean {
  for (let index = 0; index < ranges.length; index += 2) {
    if (id < (ranges[index] ?? 0)) return false
    if (id <= (ranges[index + 1] ?? 0)) return true
  }
  return false
}

/** The set with `ids` added, or undefined when it would need more than {@link ID_RANGES_MAX} ranges. */
export function withIds(ranges: IdRanges, ids: readonly number[]): IdRanges | undefined {
  const pairs: [number, number][] = ids.map((id) => [id, id])
  for (let index = 0; index < ranges.length; index += 2) pairs.push([ranges[index] ?? 0, ranges[index + 1] ?? 0])
  pairs.sort(([left], [right]) => left - right)
  const merged: [number, number][] = []
  for (const [from, to] of pairs) {
    const last = merged.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  return merged.length > ID_RANGES_MAX ? undefined : merged.flat()
}
