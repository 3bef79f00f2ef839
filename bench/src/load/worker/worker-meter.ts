import { monitorEventLoopDelay } from 'node:perf_hooks'
import { LatencyHistogram } from '../measure/latency-histogram.js'
import { monotonicUs } from '../measure/monotonic.js'
import { ownUsage } from './process-usage.js'
import type { RunOrder, Tick, WorkerFigures } from './worker-calls.js'

const EVENT_LOOP_RESOLUTION_MS = 5

/** Times and counts of one worker: distributions of everything behind the warm-up, and a tick of every interval. */
export class WorkerMeter {
  readonly #delivery = new LatencyHistogram()
  readonly #acknowledgement = new LatencyHistogram()
  readonly #sendLag = new LatencyHistogram()
  readonly #tickDelivery = new LatencyHistogram()
  /** Times of the warm-up, which nobody reads: the same work as behind it, or else its code would be compiled, and be late, where it is measured. */
  readonly #warmUp = new LatencyHistogram()
  readonly #eventLoop = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS })
  #measureFromUs = Number.POSITIVE_INFINITY
  #counts = noCounts()
  #timers: NodeJS.Timeout[] = []
  #usageAtStart: { readonly atUs: number; readonly cpuSeconds: number; readonly waitedSeconds: number } | undefined
  #figuresAtEnd: Pick<WorkerFigures, 'cpuShare' | 'waitedShare' | 'eventLoopDelayP99Ms'> | undefined

  /** Begins a run: ticks from its start on, distributions from the end of its warm-up. */
  start({ startUs, measureFromUs, tickMs }: RunOrder, onTick: (tick: Tick) => void): void {
    this.#measureFromUs = measureFromUs
    let index = 0
    let usage = ownUsage()
    const tick = (): void => {
      const now = ownUsage()
      onTick({
        index: index++, ...this.#counts, delivery: this.#tickDelivery.encode(), cpuSeconds: now.cpuSeconds - usage.cpuSeconds, waitedSeconds: now.waitedSeconds - usage.waitedSeconds,
      })
      usage = now
      this.#counts = noCounts()
      this.#tickDelivery.reset()
      // From the planned time of the next tick: a late one does not make all others late.
      this.#at(startUs + (index + 1) * tickMs * 1_000, tick)
    }
    this.#at(startUs + tickMs * 1_000, tick)
    this.#at(measureFromUs, () => {
      this.#usageAtStart = { atUs: monotonicUs(), ...ownUsage() }
      this.#eventLoop.enable()
      this.#eventLoop.reset()
    })
  }

  /** A message left. In a closed loop there is no plan that it could be behind of. */
  sent(plannedUs: number, nowUs: number, isPlanned: boolean): void {
    this.#counts.sent++
    if (!isPlanned) return
    const lagUs = nowUs - plannedUs
    this.#counts.sendLagMaxMs = Math.max(this.#counts.sendLagMaxMs, lagUs / 1_000)
    this.#of(plannedUs, this.#sendLag).record(lagUs)
  }

  acknowledged(plannedUs: number): void {
    this.#counts.acknowledged++
    this.#of(plannedUs, this.#acknowledgement).record(monotonicUs() - plannedUs)
  }

  refused(): void {
    this.#counts.refused++
  }

  /** A delivery; `plannedUs` of the one that was waited for, undefined for any other. */
  delivered(plannedUs: number | undefined): void {
    this.#counts.delivered++
    if (plannedUs === undefined) {
      this.#counts.duplicated++
      return
    }
    const nowUs = monotonicUs()
    this.#of(plannedUs, this.#delivery).record(nowUs - plannedUs)
    // What the warm-up left behind is in no interval that is measured.
    if (plannedUs >= this.#measureFromUs || nowUs < this.#measureFromUs) this.#tickDelivery.record(nowUs - plannedUs)
  }

  /** Costs are counted up to here: what follows is waiting for the last deliveries. */
  sendingEnded(): void {
    this.#figuresAtEnd = this.#costs()
  }

  figures(): WorkerFigures {
    return {
      delivery: this.#delivery.encode(), acknowledgement: this.#acknowledgement.encode(), sendLag: this.#sendLag.encode(), ...(this.#figuresAtEnd ?? this.#costs()),
    }
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#eventLoop.disable()
  }

  #of(plannedUs: number, measured: LatencyHistogram): LatencyHistogram {
    return plannedUs >= this.#measureFromUs ? measured : this.#warmUp
  }

  #costs(): Pick<WorkerFigures, 'cpuShare' | 'waitedShare' | 'eventLoopDelayP99Ms'> {
    const start = this.#usageAtStart
    if (start === undefined) return { cpuShare: 0, waitedShare: 0, eventLoopDelayP99Ms: 0 }
    const [now, seconds] = [ownUsage(), Math.max(0.001, (monotonicUs() - start.atUs) / 1e6)]
    return {
      cpuShare: (now.cpuSeconds - start.cpuSeconds) / seconds, waitedShare: (now.waitedSeconds - start.waitedSeconds) / seconds,
      // It counts from one look to the next: what is beyond the interval is delay.
      eventLoopDelayP99Ms: Math.max(0, this.#eventLoop.percentile(99) / 1e6 - EVENT_LOOP_RESOLUTION_MS),
    }
  }

  #at(us: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers = this.#timers.filter((one) => one !== timer)
      work()
    }, Math.max(0, (us - monotonicUs()) / 1_000))
    this.#timers.push(timer)
  }
}

function noCounts(): { sent: number; acknowledged: number; refused: number; delivered: number; duplicated: number; sendLagMaxMs: number } {
  return { sent: 0, acknowledged: 0, refused: 0, delivered: 0, duplicated: 0, sendLagMaxMs: 0 }
}
