/** Uniform numbers in [0, 1), the same for the same seed (mulberry32): a run can be repeated. */
export function seededUniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Ranks 0 to `count` - 1 by Zipf's law with `exponent`: rank k is drawn in proportion to 1 / (k + 1)^exponent. */
export function zipfRanks(count: number, exponent: number, uniform: () => number): () => number {
  const cumulative = new Float64Array(count)
  let total = 0
  for (let rank = 0; rank < count; rank++) {
    total += 1 / (rank + 1) ** exponent
    cumulative[rank] = total
  }
  return () => {
    const wanted = uniform() * total
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((cumulative[middle] ?? total) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}
