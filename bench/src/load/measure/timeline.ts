import type { RatePlan } from '../plan/rate-plan.js'
import type { TimelinePoint } from '../result.js'
import type { Tick } from '../worker/worker-calls.js'
import { LatencyHistogram } from './latency-histogram.js'

/** What was seen of the server at one moment. */
export interface ServerSample {
  readonly atSeconds: number
  readonly cpuSeconds: number
  readonly rssBytes: number
  readonly loopDelayMs: number | undefined
}

interface TickSum {
  readonly delivery: LatencyHistogram
  sent: number
  acknowledged: number
  refused: number
  delivered: number
  duplicated: number
  sendLagMaxMs: number
  cpuSeconds: number
  reports: number
}

/** Puts the ticks of all workers and the samples of the server on one axis of time. */
export class Timeline {
  readonly #tickSeconds: number
  readonly #warmUpSeconds: number
  /** Undefined in a closed loop. */
  readonly #plan: RatePlan | undefined
  readonly #ticks: TickSum[] = []
  readonly #samples: ServerSample[] = []

  constructor({ tickMs, warmUpSeconds, plan }: { readonly tickMs: number; readonly warmUpSeconds: number; readonly plan: RatePlan | undefined }) {
    this.#tickSeconds = tickMs / 1_000
    this.#warmUpSeconds = warmUpSeconds
    this.#plan = plan
  }

  /** Adds what one worker says of one interval. */
  addTick(tick: Tick): void {
    while (this.#ticks.length <= tick.index) {
      this.#ticks.push({ delivery: new LatencyHistogram(), sent: 0, acknowledged: 0, refused: 0, delivered: 0, duplicated: 0, sendLagMaxMs: 0, cpuSeconds: 0, reports: 0 })
    }
    const sum = this.#ticks[tick.index]
    if (sum === undefined) return
    sum.delivery.addEncoded(tick.delivery)
    for (const field of ['sent', 'acknowledged', 'refused', 'delivered', 'duplicated', 'cpuSeconds'] as const) sum[field] += tick[field]
    sum.sendLagMaxMs = Math.max(sum.sendLagMaxMs, tick.sendLagMaxMs)
    sum.reports++
  }

  /** Adds what was seen of the server. */
  addSample(sample: ServerSample): void {
    this.#samples.push(sample)
  }

  /** All intervals up to `endSeconds` that `workers` reported of. */
  points(workers: number, endSeconds = Number.POSITIVE_INFINITY): readonly TimelinePoint[] {
    return this.#ticks.flatMap((tick, index) => {
      // The last interval may have begun behind the end.
      return tick.reports < workers || index * this.#tickSeconds >= endSeconds ? [] : [this.#point(tick, index)]
    })
  }

  /** The last interval that `workers` reported of: asked for in every one of them, so it does not make the others again. */
  last(workers: number): TimelinePoint | undefined {
    const index = this.#ticks.findLastIndex(({ reports }) => reports >= workers)
    const tick = this.#ticks[index]
    return tick === undefined ? undefined : this.#point(tick, index)
  }

  #point(tick: TickSum, index: number): TimelinePoint {
    const [from, to] = [index * this.#tickSeconds, (index + 1) * this.#tickSeconds]
    const perSecond = (count: number): number => Math.round(count / this.#tickSeconds)
    return {
      atSeconds: to, isWarmUp: to <= this.#warmUpSeconds,
      ...(this.#plan === undefined ? {} : { planned: Math.round((this.#plan.plannedUntil(to) - this.#plan.plannedUntil(from)) / this.#tickSeconds) }),
      sent: perSecond(tick.sent), acknowledged: perSecond(tick.acknowledged), delivered: perSecond(tick.delivered), refused: perSecond(tick.refused),
      duplicated: perSecond(tick.duplicated),
      ...(tick.delivery.count === 0 || to <= this.#warmUpSeconds ? {} : { p50Ms: tick.delivery.percentileMs(50), p99Ms: tick.delivery.percentileMs(99), maxMs: tick.delivery.maxMs }),
      sendLagMaxMs: Number(tick.sendLagMaxMs.toFixed(2)), generatorCpuPercent: Math.round((tick.cpuSeconds / this.#tickSeconds) * 100),
      ...this.#serverAt(to),
    }
  }

  /** The server around a moment: between the last sample before it and the first behind it. */
  #serverAt(atSeconds: number): Pick<TimelinePoint, 'serverCpuPercent' | 'serverRssMiB' | 'serverLoopDelayMs'> {
    const behind = this.#samples.findIndex((sample) => sample.atSeconds >= atSeconds)
    const [before, after] = [this.#samples[behind - 1], this.#samples[behind]]
    if (before === undefined || after === undefined || after.atSeconds <= before.atSeconds) return {}
    return {
      serverCpuPercent: Math.round(((after.cpuSeconds - before.cpuSeconds) / (after.atSeconds - before.atSeconds)) * 100),
      serverRssMiB: Math.round(after.rssBytes / 1_048_576),
      ...(after.loopDelayMs === undefined ? {} : { serverLoopDelayMs: Number(after.loopDelayMs.toFixed(2)) }),
    }
  }
}
