import { loadavg, totalmem } from 'node:os'
import { machineFacts } from '../process-cost.js'
import { pinApart } from '../pin.js'
import type { LoadConfig } from './config.js'
import { measuredSeconds } from './config.js'
import { DRIVER_FACTS } from './drivers/make-driver.js'
import type { ClockOffset } from './measure/clock-offset.js'
import { busySecondsAround, starvedShare } from './measure/core-time.js'
import { lostDeliveries } from './measure/delivery-audit.js'
import { LatencyHistogram } from './measure/latency-histogram.js'
import { monotonicUs } from './measure/monotonic.js'
import { bottleneckText, costsOf, processShares } from './measure/process-shares.js'
import { ServerWatch } from './measure/server-watch.js'
import { Timeline } from './measure/timeline.js'
import { brokenForGood, type Threshold } from './measure/thresholds.js'
import type { Cast } from './plan/cast.js'
import { RatePlan } from './plan/rate-plan.js'
import type { Counters, Distribution, TimelinePoint, Unjudged } from './result.js'
import type { Target } from './targets/target.js'
import type { LoopOrder, WorkerFigures, WorkerReport } from './worker/worker-calls.js'
import { WorkerPool } from './worker/worker-pool.js'

/** Interval of the timeline. */
const TICK_MS = 500
/** From the order to the first message: every worker has it by then. */
const START_AFTER_MS = 500
/** How long what is on its way may take after the last message was sent. */
const DRAIN_MS_MAX = 15_000
const DRAIN_LOOK_MS = 100
/** What did not come while nothing at all came for so long is lost. */
const DRAIN_QUIET_MS = 4_000
/** Latencies that must be there before a run may be aborted because of them. */
const ABORT_LATENCIES_MIN = 100

/** What a run tells while it goes on. */
export interface RunEvents {
  /** Clients are being signed in and connected. */
  readonly onPreparing: (done: number, total: number) => void
  /** Seconds from the start, of the whole; and the last whole interval. */
  readonly onProgress: (atSeconds: number, ofSeconds: number, last: TimelinePoint | undefined) => void
  readonly onPhase: (phase: 'prepared' | 'warming up' | 'measuring' | 'draining') => void
}

/** What a run is made with. */
export interface RunOptions {
  readonly config: LoadConfig
  readonly cast: Cast
  readonly target: Target
  /** With these the run ends early once one of them is broken for good. */
  readonly abortOn: readonly Threshold[]
  readonly events: RunEvents
}

/** Puts a system under load and measures. Rejects when that was not possible; what the load did to the system is in the result. */
export async function runLoad({ config, cast, target, abortOn, events }: RunOptions): Promise<Unjudged> {
  const startedAt = new Date().toISOString()
  const loadAverageBefore = loadavg()
  const measured = measuredSeconds(config)
  const endSeconds = config.warmUpSeconds + measured
  const stages = stagesWithWarmUp(config)
  const plan = stages === undefined ? undefined : new RatePlan(stages)
  const timeline = new Timeline({ tickMs: TICK_MS, warmUpSeconds: config.warmUpSeconds, plan })
  const soFar = new LatencyHistogram()
  const growing = { refused: 0, duplicated: 0, sent: 0, delivered: 0 }
  const pool = new WorkerPool({
    workers: config.workers, driver: config.driver, url: target.url, ws: target.ws, payloadBytes: config.payloadBytes, payload: config.payload, cast,
    onReady: (done) => { events.onPreparing(done, cast.clients * 2) },
    onTick: (tick) => {
      timeline.addTick(tick)
      if (abortOn.length > 0 && ((tick.index + 1) * TICK_MS) / 1_000 > config.warmUpSeconds) soFar.addEncoded(tick.delivery)
      for (const name of ['refused', 'duplicated', 'sent', 'delivered'] as const) growing[name] += tick[name]
    },
  })
  try {
    if (config.pinned) for (const pid of target.pids) pinApart(pid, pool.pids)
    const clocks = await pool.clocks()
    await pool.prepare()
    // Asked for once more where it is measured: its code is compiled by then.
    await pool.reports()
    events.onPhase('prepared')
    const startUs = monotonicUs() + START_AFTER_MS * 1_000
    const measureFromUs = startUs + config.warmUpSeconds * 1e6
    const senders = pool.sendersOf()
    const watch = new ServerWatch(target, startUs, (sample) => { timeline.addSample(sample) })
    const secondsNow = (): number => (monotonicUs() - startUs) / 1e6
    const running = pool.each(async (handle, worker) => {
      const share = (senders[worker] ?? 0) / Math.max(1, senders.reduce((sum, one) => sum + one, 0))
      await handle.ask('run', { startUs, measureFromUs, tickMs: TICK_MS, seed: config.seed, loop: loopOf(config, stages, share) })
    })
    // Whoever waits below hears of a failure; until then it must not end the process.
    running.catch(() => undefined)
    events.onPhase('warming up')
    let isAborted = false
    const abortIfBroken = (): void => {
      if (isAborted || abortOn.length === 0) return
      const latencies = soFar.count < ABORT_LATENCIES_MIN ? {} : metricsFromLatency(soFar)
      if (brokenForGood(abortOn, { ...growing, ...latencies }).length === 0) return
      isAborted = true
      void pool.each((handle) => handle.ask('stop', undefined))
    }
    const progress = setInterval(() => {
      events.onProgress(Math.min(endSeconds, Math.max(0, secondsNow())), endSeconds, timeline.last(config.workers))
      if (secondsNow() > config.warmUpSeconds) abortIfBroken()
    }, TICK_MS)
    try {
      await sleepUntil(measureFromUs, running)
      events.onPhase('measuring')
      const processes = target.processes ?? []
      const [costBefore, busyBefore, eachBefore, before] = [target.cost(), busySecondsAround(target.pids), costsOf(processes), await pool.reports()]
      const measuredFromUs = monotonicUs()
      await running
      const [costAfter, busyAfter, eachAfter, after] = [target.cost(), busySecondsAround(target.pids), costsOf(processes), await pool.reports()]
      const elapsed = (monotonicUs() - measuredFromUs) / 1e6
      events.onPhase('draining')
      const reports = await drained(pool, target)
      await watch.end()
      const figures = await pool.figures()
      const deliveredInTime = sumOf(after, ({ delivered, duplicated }) => delivered - duplicated) - sumOf(before, ({ delivered, duplicated }) => delivered - duplicated)
      const sentInTime = sentOf(after) - sentOf(before)
      const cost = costBefore === undefined || costAfter === undefined ? undefined : {
        elapsedSeconds: elapsed, cpuSeconds: costAfter.cpuSeconds - costBefore.cpuSeconds, systemSeconds: costAfter.systemSeconds - costBefore.systemSeconds,
        waitedSeconds: costAfter.waitedSeconds - costBefore.waitedSeconds, coresBusySeconds: busyBefore === undefined || busyAfter === undefined ? undefined : busyAfter - busyBefore,
      }
      const shares = processShares(processes, eachBefore, eachAfter, elapsed)
      const machine = machineFacts()
      const latency = {
        delivery: distributionOf(figures.map(({ delivery }) => delivery)),
        acknowledgement: DRIVER_FACTS[config.driver].acknowledges === 'nothing' ? null : distributionOf(figures.map(({ acknowledgement }) => acknowledgement)),
        sendLag: config.loop.kind === 'closed' ? null : distributionOf(figures.map(({ sendLag }) => sendLag)),
      }
      return {
        startedAt, config, isAborted, clocks, latency,
        system: { description: target.description, acknowledges: DRIVER_FACTS[config.driver].acknowledges, pids: target.pids },
        machine: { ...machine, memoryGiB: Math.round(totalmem() / 2 ** 30), loadAverageBefore, loadAverageAfter: loadavg() },
        measuredSeconds: Number(elapsed.toFixed(2)), deliveriesPerSecond: Math.round(deliveredInTime / elapsed), sentPerSecond: Math.round(sentInTime / elapsed),
        counters: countersOf(reports, DRIVER_FACTS[config.driver].acknowledges !== 'nothing'),
        server: cost === undefined ? null : {
          cpuSeconds: Number(cost.cpuSeconds.toFixed(2)), systemSeconds: Number(cost.systemSeconds.toFixed(2)), userSeconds: Number((cost.cpuSeconds - cost.systemSeconds).toFixed(2)),
          deliveriesPerCpuSecond: cost.cpuSeconds === 0 ? 0 : Math.round(deliveredInTime / cost.cpuSeconds), rssMaxMiB: watch.rssMaxMiB, waitedShare: Number((cost.waitedSeconds / elapsed).toFixed(3)),
          ...(shares.length === 0 ? {} : { processes: shares, bottleneck: bottleneckText(shares, machine.cores, figures.reduce((sum, { cpuShare }) => sum + cpuShare, 0)) }),
        },
        generator: generatorOf(figures, reports, latency.sendLag, cost === undefined ? undefined : starvedShare(cost), clocks),
        timeline: timeline.points(config.workers, endSeconds), failures: failuresOf(reports),
      }
    } finally {
      clearInterval(progress)
      await watch.end()
    }
  } finally {
    await pool.end()
  }
}

/** The stages of an open loop behind a warm-up at the rate with which they begin; undefined for a closed loop. */
function stagesWithWarmUp({ loop, warmUpSeconds }: LoadConfig): Extract<LoopOrder, { kind: 'open' }>['stages'] | undefined {
  if (loop.kind === 'closed') return undefined
  const rate = loop.stages[0]?.fromPerSecond ?? 0
  return warmUpSeconds === 0 ? loop.stages : [{ seconds: warmUpSeconds, fromPerSecond: rate, toPerSecond: rate }, ...loop.stages]
}

function loopOf({ loop, warmUpSeconds }: LoadConfig, stages: Extract<LoopOrder, { kind: 'open' }>['stages'] | undefined, share: number): LoopOrder {
  if (loop.kind === 'closed') return { kind: 'closed', window: loop.window, seconds: warmUpSeconds + loop.seconds }
  return { kind: 'open', stages: new RatePlan(stages ?? []).scaled(share).stages, arrivals: loop.arrivals }
}

/** Waits until everything that was sent is acknowledged and delivered, nothing comes any more, or time is over. */
async function drained(pool: WorkerPool, target: Target): Promise<readonly WorkerReport[]> {
  const deadlineUs = monotonicUs() + DRAIN_MS_MAX * 1_000
  let [seen, quietSinceUs] = [-1, 0]
  for (;;) {
    const reports = await pool.reports()
    const answers = sumOf(reports, ({ delivered, streams }) => delivered + sumOf(streams, ({ acknowledged, refused }) => acknowledged + refused))
    if (answers !== seen) [seen, quietSinceUs] = [answers, monotonicUs()]
    const isOver = reports.every(({ streams }) => streams.every(({ sent, acknowledged, refused }) => DRIVER_FACTS[target.driver].acknowledges === 'nothing' || acknowledged + refused >= sent)) &&
      lostDeliveries(reports.flatMap(({ streams }) => streams), reports) === 0
    if (isOver || monotonicUs() > Math.min(deadlineUs, quietSinceUs + DRAIN_QUIET_MS * 1_000)) return reports
    await sleep(DRAIN_LOOK_MS)
  }
}

function countersOf(reports: readonly WorkerReport[], acknowledges: boolean): Counters {
  const streams = reports.flatMap((report) => report.streams)
  const sum = (field: 'delivered' | 'duplicated' | 'reordered' | 'undecryptable' | 'misdelivered' | 'disconnected'): number => sumOf(reports, (report) => report[field])
  const [sent, acknowledged, refused] = [sentOf(reports), sumOf(streams, (one) => one.acknowledged), sumOf(streams, (one) => one.refused)]
  return {
    sent, acknowledged, refused, delivered: sum('delivered'), expected: sumOf(streams, (one) => (one.sent - one.refused) * one.receivers),
    lost: lostDeliveries(streams, reports), duplicated: sum('duplicated'), reordered: sum('reordered'), undecryptable: sum('undecryptable'), misdelivered: sum('misdelivered'),
    unacknowledged: acknowledges ? Math.max(0, sent - acknowledged - refused) : 0, disconnected: sum('disconnected'),
  }
}

function generatorOf(
  figures: readonly WorkerFigures[], reports: readonly WorkerReport[], sendLag: Distribution | null, serverStarvedShare: number | undefined,
  clocks: readonly ClockOffset[],
): Unjudged['generator'] {
  const worst = (field: 'eventLoopDelayP99Ms' | 'cpuShare' | 'waitedShare'): number => Number(Math.max(0, ...figures.map((one) => one[field])).toFixed(3))
  return {
    sendLagP99Ms: sendLag?.p99, unsent: sumOf(reports, ({ unsent }) => unsent), eventLoopDelayP99Ms: worst('eventLoopDelayP99Ms'), cpuShare: worst('cpuShare'),
    waitedShare: worst('waitedShare'), serverStarvedShare: serverStarvedShare === undefined ? undefined : Number(serverStarvedShare.toFixed(3)),
    clockErrorMs: Math.max(0, ...clocks.map(({ offsetUs, uncertaintyUs }) => (Math.abs(offsetUs) - uncertaintyUs) / 1_000)),
  }
}

function failuresOf(reports: readonly WorkerReport[]): Readonly<Record<string, number>> {
  const failures: Record<string, number> = {}
  for (const report of reports) for (const [reason, count] of report.failures) failures[reason] = (failures[reason] ?? 0) + count
  return failures
}

function distributionOf(encoded: readonly string[]): Distribution {
  const merged = new LatencyHistogram()
  for (const one of encoded) merged.addEncoded(one)
  return { ...merged.summary(), histogram: merged.encode() }
}

function metricsFromLatency(histogram: LatencyHistogram): Readonly<Record<string, number>> {
  const { count: _count, ...times } = histogram.summary()
  return times
}

function sentOf(reports: readonly WorkerReport[]): number {
  return sumOf(reports.flatMap(({ streams }) => streams), ({ sent }) => sent)
}

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Waits for a time, or for the run to end (or fail) before it. */
async function sleepUntil(us: number, running: Promise<unknown>): Promise<void> {
  await Promise.race([sleep(Math.max(0, (us - monotonicUs()) / 1_000)), running])
}
