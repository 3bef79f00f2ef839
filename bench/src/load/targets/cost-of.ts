import { addedCosts, NO_COST, processCost, type ProcessCost } from '../../process-cost.js'

/** What processes cost so far, together; undefined when there are none, or one has ended. */
export function costOf(pids: readonly number[]): ProcessCost | undefined {
  if (pids.length === 0) return undefined
  try {
    return pids.map((pid) => processCost(pid)).reduce(addedCosts, NO_COST)
  } catch {
    return undefined
  }
}
