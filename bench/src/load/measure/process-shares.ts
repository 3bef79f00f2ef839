import { processCost, type ProcessCost } from '../../process-cost.js'
import type { ProcessShare } from '../result.js'
import type { TargetProcess } from '../targets/target.js'

/** Of a process that needs more than this share of a core, and can use one alone, more load cannot be expected. */
const ONE_CORE_FULL = 0.85
/** Of a machine that is busy for more than this share, there is nothing left for anybody. */
const MACHINE_FULL = 0.85
/** Kinds whose work is done by one thread: a second core does not help one of these processes. */
const SINGLE_THREADED = ['engine', 'auth', 'edge', 'redis']

/** What each of `processes` cost so far; one that has ended is left out. */
export function costsOf(processes: readonly TargetProcess[]): ReadonlyMap<number, ProcessCost> {
  const costs = new Map<number, ProcessCost>()
  for (const { pid } of processes) {
    try {
      costs.set(pid, processCost(pid))
    } catch {
      // It ended: what it had cost is not known any more, and the result has no line for it.
    }
  }
  return costs
}

/** What each process used between two looks that lie `seconds` apart, the most CPU first. */
export function processShares(
  processes: readonly TargetProcess[], before: ReadonlyMap<number, ProcessCost>, after: ReadonlyMap<number, ProcessCost>, seconds: number,
): readonly ProcessShare[] {
  return processes.flatMap(({ name, kind, pid }) => {
    const [from, to] = [before.get(pid), after.get(pid)]
    if (from === undefined || to === undefined) return []
    const cpuSeconds = to.cpuSeconds - from.cpuSeconds
    return [{ name, kind, cpuSeconds: Number(cpuSeconds.toFixed(2)), coreShare: Number((cpuSeconds / seconds).toFixed(3)), rssMiB: Math.round(to.rssBytes / 1_048_576) }]
  }).sort((one, other) => other.cpuSeconds - one.cpuSeconds)
}

/**
 * Which process the load would meet first if it grew, in a sentence. A process of one thread that fills a core is the bottleneck; where none does and the
 * machine is full, whoever takes most of it; otherwise nobody is yet, and the busiest is named.
 * @param generatorCores cores that the generator used, all workers together.
 */
export function bottleneckText(shares: readonly ProcessShare[], cores: number, generatorCores: number): string {
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`
  const [busiest] = shares
  if (busiest === undefined) return 'the processes of the server are not known'
  const full = shares.filter(({ kind, coreShare }) => SINGLE_THREADED.includes(kind) && coreShare > ONE_CORE_FULL)
    .reduce<ProcessShare | undefined>((most, one) => (most === undefined || one.coreShare > most.coreShare ? one : most), undefined)
  if (full !== undefined) return `bottleneck: ${full.name}, one thread that uses ${percent(full.coreShare)} of a core`
  const used = shares.reduce((sum, { coreShare }) => sum + coreShare, 0) + generatorCores
  if (used > cores * MACHINE_FULL) {
    return `bottleneck: the cores of this machine (${percent(used / cores)} used, ${percent(generatorCores / cores)} by the generator); most of what the system uses is ${busiest.name}'s, ${percent(busiest.coreShare)} of a core`
  }
  return `no bottleneck yet (${percent(used / cores)} of the machine in use); the busiest is ${busiest.name}, ${percent(busiest.coreShare)} of a core`
}
