import type { TraceLine } from '../kernel/trace.js'
import type { RunOptions } from '../run-options.js'
import type { SeedOutcome } from './worker-messages.js'

/** Runs a seed somewhere. */
export interface SeedRunner {
  run(options: RunOptions): Promise<SeedOutcome>
}

/** A seed that did not do the same twice. */
export interface Deviation {
  readonly options: RunOptions
  /** What differs first, for a person. */
  readonly what: string
}

/**
 * Runs every seed in both runners, which must be different processes, and compares the traces. The second one takes the seeds backwards, so
 * that what an earlier seed leaves behind in a process shows too. Returns the seeds that differ, or that gave no result.
 */
export async function checkDeterminism(
  seeds: readonly RunOptions[], one: SeedRunner, other: SeedRunner, onDone: () => void,
): Promise<readonly Deviation[]> {
  const step = async (runner: SeedRunner, options: RunOptions): Promise<SeedOutcome> => {
    const outcome = await runner.run(options)
    onDone()
    return outcome
  }
  const inOrder = Promise.all(seeds.map((options) => step(one, options)))
  const backwards = Promise.all([...seeds].reverse().map((options) => step(other, options)))
  const [first, second] = [await inOrder, (await backwards).reverse()]
  const deviations: Deviation[] = []
  for (const [index, options] of seeds.entries()) {
    const [left, right] = [first[index], second[index]]
    if (left === undefined || right === undefined) continue
    if (left.status === 'died' || right.status === 'died') deviations.push({ options, what: `no result: ${reasonOf(left) ?? reasonOf(right) ?? ''}` })
    else if (left.result.traceHash !== right.result.traceHash) deviations.push({ options, what: await firstDifference(options, one, other) })
  }
  return deviations
}

function reasonOf(outcome: SeedOutcome): string | undefined {
  return outcome.status === 'died' ? outcome.reason : undefined
}

async function firstDifference(options: RunOptions, one: SeedRunner, other: SeedRunner): Promise<string> {
  const kept = { ...options, keepTrace: true }
  const [left, right] = await Promise.all([one.run(kept), other.run(kept)])
  if (left.status === 'died' || right.status === 'died') return 'the traces differ, and could not be had for a comparison'
  const [ours, theirs] = [left.result.timeline, right.result.timeline]
  for (let index = 0; index < Math.max(ours.length, theirs.length); index++) {
    const [mine, yours] = [textOf(ours[index]), textOf(theirs[index])]
    if (mine !== yours) return `line ${String(index + 1)} is\n    ${mine}\n  in one process and\n    ${yours}\n  in the other`
  }
  return 'the traces differed once and did not when they were run again: what ran before in the process makes the difference'
}

function textOf(line: TraceLine | undefined): string {
  return line === undefined ? '(the end)' : `${line.atMs.toFixed(3)} ${String(line.event)} ${line.who} ${line.what}`
}
