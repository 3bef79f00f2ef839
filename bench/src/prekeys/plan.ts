import { randomInt } from 'node:crypto'

/** One planned fetch: which requester asks for which target. */
export interface PlannedFetch {
  readonly requester: number
  readonly target: number
}

/** Part of the fetches that a few requesters make for one target each, far beyond their limit. */
const GREEDY_SHARE = 0.1
/** One of so many requesters is greedy. */
const GREEDY_EVERY = 50

/** `count` fetches in random order: most spread evenly over all pairs, the rest by greedy requesters that ask for one target again and again. */
export function planFetches(count: number, requesters: number, targets: number): PlannedFetch[] {
  const greedy = Math.max(1, Math.floor(requesters / GREEDY_EVERY))
  const greedyFetches = Math.floor(count * GREEDY_SHARE)
  const plan: PlannedFetch[] = Array.from({ length: count }, (_, index) => {
    if (index < greedyFetches) {
      const requester = index % greedy
      return { requester, target: requester % targets }
    }
    const [place, round] = [(index - greedyFetches) % requesters, Math.floor((index - greedyFetches) / requesters)]
    // Each round asks every requester once, for targets that move on by one: no pair comes twice before all came once.
    return { requester: place, target: (place + round) % targets }
  })
  // Fisher-Yates: nobody's requests come in a row.
  for (let last = plan.length - 1; last > 0; last--) {
    const other = randomInt(last + 1)
    const [left, right] = [plan[last], plan[other]]
    if (left !== undefined && right !== undefined) [plan[last], plan[other]] = [right, left]
  }
  return plan
}
