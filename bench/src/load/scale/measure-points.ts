import { loadConfig } from '../cli/load-config.js'
import type { GivenOptions } from '../cli/command-line.js'
import { LiveView } from '../cli/live-view.js'
import { runLoad } from '../coordinator.js'
import { judgeRun } from '../judge.js'
import { RatePlan } from '../plan/rate-plan.js'
import type { LoadResult } from '../result.js'
import oneToOne from '../scenarios/one-to-one.js'
import { clusterTarget } from '../targets/cluster-target.js'
import type { Target } from '../targets/target.js'
import { loadOf, PLANNED_POINTS, type LoadPoint, type PlannedPoint } from './load-point.js'

const NODES = 1
/** Every cluster has this first, and it is in no figure: a database and engines that have just started spend their CPU on compiling themselves. */
const HEATING = { clients: 200, ratePerSecond: 300, seconds: 25 } as const

/** What was measured, and what was wrong with it. */
export interface MeasuredPoint {
  readonly planned: PlannedPoint
  readonly point: LoadPoint
  readonly p99Ms: number
  readonly bottleneck: string
  /** Why the run was not a valid one, or messages were not delivered; empty for a good one. */
  readonly faults: readonly string[]
}

/** Measures all of {@link PLANNED_POINTS} on clusters of this machine, one of each number of engines, one after the other. Takes some minutes. */
export async function measurePoints(given: GivenOptions, seconds: number, onPoint: (measured: MeasuredPoint) => void): Promise<readonly MeasuredPoint[]> {
  const measured: MeasuredPoint[] = []
  for (const engines of [...new Set(PLANNED_POINTS.map((point) => point.engines))]) {
    const points = PLANNED_POINTS.filter((point) => point.engines === engines)
    const target = await clusterTarget({ nodes: NODES, engines }, Math.max(...points.map(({ clients }) => clients)))
    try {
      await loadFor(target, given, { ...HEATING, warmUpSeconds: 0 }, `${String(engines)} engines, heating`)
      for (const planned of points) {
        const result = await loadFor(target, given, { ...planned, seconds }, `${String(engines)} engines, ${String(planned.clients)} clients, ${String(planned.ratePerSecond)}/s`)
        const one = toPoint(planned, result)
        measured.push(one)
        onPoint(one)
      }
    } finally {
      await target.dispose()
    }
  }
  return measured
}

/** One run of pairs against a cluster that is there. */
async function loadFor(
  target: Target, given: GivenOptions, { clients, ratePerSecond, warmUpSeconds, seconds }: Pick<PlannedPoint, 'clients' | 'ratePerSecond' | 'warmUpSeconds'> & { readonly seconds: number }, name: string,
): Promise<LoadResult> {
  const stages = new RatePlan([{ seconds, fromPerSecond: ratePerSecond, toPerSecond: ratePerSecond }]).stages
  const { config, cast } = loadConfig({ ...oneToOne, clients }, 'evegram', given, { kind: 'open', stages, arrivals: 'poisson' })
  const view = new LiveView(name, given.has('json'))
  try {
    return judgeRun(await runLoad({ config: { ...config, warmUpSeconds }, cast, target, abortOn: [], events: view }), { thresholds: [], isCountersOnly: true })
  } finally {
    view.stop()
  }
}

/** The costs of a run as a point. Throws for a run without the cost of its processes. */
export function toPoint(planned: PlannedPoint, result: LoadResult): MeasuredPoint {
  const { server, latency, sentPerSecond, validity, thresholds } = result
  const processes = server?.processes ?? []
  if (processes.length === 0) throw new Error('the cost of the processes was not measured')
  const sum = (of: (share: (typeof processes)[number]) => number): Record<string, number> => {
    const sums: Record<string, number> = {}
    for (const share of processes) sums[share.kind] = Number(((sums[share.kind] ?? 0) + of(share)).toFixed(4))
    return sums
  }
  return {
    planned, p99Ms: Number(latency.delivery.p99.toFixed(1)), bottleneck: server?.bottleneck ?? '',
    point: { ...loadOf(planned, sentPerSecond, result.measuredSeconds), cores: sum(({ coreShare }) => coreShare), rssMiB: sum(({ rssMiB }) => rssMiB) },
    faults: [...validity.reasons, ...thresholds.filter(({ held }) => !held).map(({ text, actual }) => `${text} (${String(actual)})`)],
  }
}
