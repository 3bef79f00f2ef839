import { readdirSync, readFileSync } from 'node:fs'
import { addedCosts, NO_COST, processCost, type ProcessCost } from '../../process-cost.js'

/** The processes of `roots` and all that they started, directly or not, as far as they run now. */
export function processTree(roots: readonly number[]): readonly number[] {
  const children = new Map<number, number[]>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)) {
    const parent = parentOf(pid)
    if (parent !== undefined) children.set(parent, [...children.get(parent) ?? [], pid])
  }
  const found: number[] = []
  const queue = [...roots]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    found.push(next)
    queue.push(...children.get(next) ?? [])
  }
  return found
}

/**
 * What a system of several processes cost so far: those that run now, and those that have ended and were waited for by one that runs. Undefined when one of
 * `roots` has ended. Memory that processes share counts for each of them.
 */
export function treeCost(roots: readonly number[]): ProcessCost | undefined {
  try {
    const rest = processTree(roots).filter((pid) => !roots.includes(pid)).map(costOrNothing)
    return [...roots.map(costWithEnded), ...rest].reduce(addedCosts, NO_COST)
  } catch {
    return undefined
  }
}

// One that ends while it is looked at is in its parent's figure from then on.
function costOrNothing(pid: number): ProcessCost {
  try {
    return costWithEnded(pid)
  } catch {
    return NO_COST
  }
}

function costWithEnded(pid: number): ProcessCost {
  const own = processCost(pid)
  return { ...own, cpuSeconds: own.cpuSeconds + own.endedUserSeconds + own.endedSystemSeconds, systemSeconds: own.systemSeconds + own.endedSystemSeconds }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    // It ended between the list and the look.
    return undefined
  }
}
