import type { machineFacts } from '../process-cost.js'
import type { LoadConfig } from './config.js'
import type { ClockOffset } from './measure/clock-offset.js'
import type { LatencySummary } from './measure/latency-histogram.js'
import type { GeneratorLoad } from './measure/saturation.js'
import type { JudgedThreshold } from './measure/thresholds.js'

/** Name and version of the format: `bench diff` and `bench report` read no other. */
export const RESULT_FORMAT = 'evegram-bench/1'

/** What must be zero in every run, and what it is compared with. All of the whole run, warm-up included. */
export interface Counters {
  readonly sent: number
  readonly acknowledged: number
  readonly delivered: number
  /** Deliveries that there had to be. */
  readonly expected: number
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  readonly undecryptable: number
  readonly misdelivered: number
  readonly unacknowledged: number
  readonly refused: number
  readonly disconnected: number
}

/** A distribution: its summary, and all of it in the HdrHistogram V2 compressed format. */
export interface Distribution extends LatencySummary {
  readonly histogram: string
}

/** What one process of a system of several used while it was measured. */
export interface ProcessShare {
  readonly name: string
  readonly kind: string
  readonly cpuSeconds: number
  /** 1 is one core all the time. */
  readonly coreShare: number
  readonly rssMiB: number
}

/** Costs of the server while it was measured. */
export interface ServerCost {
  readonly cpuSeconds: number
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly deliveriesPerCpuSecond: number
  readonly rssMaxMiB: number
  /** Share of the time in which its main thread wanted a core and had none: because of others, and because of its own threads. */
  readonly waitedShare: number
  /** Each process by itself, the most CPU first; absent for a system of one. */
  readonly processes?: readonly ProcessShare[]
  /** Whom the load would meet first, in a sentence; with {@link processes}. */
  readonly bottleneck?: string
}

/** One interval of the timeline. What is not known in it is absent. */
export interface TimelinePoint {
  /** End of the interval, in seconds from the start. */
  readonly atSeconds: number
  readonly isWarmUp: boolean
  /** Per second. */
  readonly planned?: number
  readonly sent: number
  readonly acknowledged: number
  readonly delivered: number
  readonly refused: number
  readonly duplicated: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly maxMs?: number
  readonly sendLagMaxMs: number
  readonly serverCpuPercent?: number
  readonly serverRssMiB?: number
  readonly serverLoopDelayMs?: number
  /** Of all workers together; 100 is one core. */
  readonly generatorCpuPercent: number
}

/** How a run ended. */
export type Verdict = 'pass' | 'breach' | 'invalid'

/** The result of one run: what `--json` prints. */
export interface LoadResult {
  readonly format: typeof RESULT_FORMAT
  readonly startedAt: string
  readonly config: LoadConfig
  readonly system: { readonly description: string; readonly acknowledges: string; readonly pids: readonly number[] }
  readonly machine: ReturnType<typeof machineFacts> & { readonly memoryGiB: number; readonly loadAverageBefore: readonly number[]; readonly loadAverageAfter: readonly number[] }
  readonly clocks: readonly (ClockOffset & { readonly worker: number })[]
  readonly measuredSeconds: number
  /** Deliveries a second while it was measured. */
  readonly deliveriesPerSecond: number
  readonly sentPerSecond: number
  readonly counters: Counters
  readonly latency: { readonly delivery: Distribution; readonly acknowledgement: Distribution | null; readonly sendLag: Distribution | null }
  readonly server: ServerCost | null
  readonly generator: GeneratorLoad
  readonly timeline: readonly TimelinePoint[]
  readonly failures: Readonly<Record<string, number>>
  readonly thresholds: readonly JudgedThreshold[]
  /** A run that is not valid says nothing about the server. */
  readonly validity: { readonly valid: boolean; readonly reasons: readonly string[] }
  readonly isAborted: boolean
  readonly notes: readonly string[]
  readonly verdict: Verdict
}

/** What a threshold is judged by: a result before it was judged. */
export type Unjudged = Omit<LoadResult, 'thresholds' | 'verdict' | 'notes' | 'validity' | 'format'>

/** The figures of a result by the names that thresholds, `bench diff` and the exports use. What was not measured is absent. */
export function metricsOf({ latency, counters, server, deliveriesPerSecond, sentPerSecond, generator }: Pick<Unjudged, 'latency' | 'counters' | 'server' | 'deliveriesPerSecond' | 'sentPerSecond' | 'generator'>): Readonly<Record<string, number>> {
  const times = (prefix: string, distribution: Distribution | null): Record<string, number> =>
    distribution === null || distribution.count === 0 ? {} : {
      [`${prefix}p50`]: distribution.p50, [`${prefix}p75`]: distribution.p75, [`${prefix}p90`]: distribution.p90, [`${prefix}p95`]: distribution.p95,
      [`${prefix}p99`]: distribution.p99, [`${prefix}p999`]: distribution.p999, [`${prefix}p9999`]: distribution.p9999, [`${prefix}max`]: distribution.max,
      [`${prefix}mean`]: distribution.mean,
    }
  return {
    ...times('', latency.delivery), ...times('ack.', latency.acknowledgement), ...times('lag.', latency.sendLag), ...counters,
    rate: deliveriesPerSecond, sentRate: sentPerSecond, eventLoopDelay: generator.eventLoopDelayP99Ms,
    ...(server === null ? {} : { perCpuSecond: server.deliveriesPerCpuSecond, cpuSeconds: server.cpuSeconds, rss: server.rssMaxMiB }),
  }
}
