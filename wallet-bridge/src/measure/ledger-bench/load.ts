import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

const TICK_MS = 1
const LOOK_MS = 50
/** Fewer transfers than this are no figure. */
const COUNTED_MIN = 100
const STRETCH_MAX = 20
/** Of a run, not counted: programs and caches get warm. */
const WARM_UP_SHARE = 0.25

/** One transfer, drawn from the load. Resolves when it is durable; rejects when it was not done. */
export type TransferOnce = () => Promise<void>

/** What one part of a run measured. */
export interface Measured {
  readonly perSecond: number
  readonly transfers: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** Why transfers were not done, the first ones. */
  readonly failures: readonly string[]
}

/** The same of an open loop. */
export interface OpenMeasured extends Measured {
  /** Whether what was planned was done about as fast; otherwise the figures are of a queue that grew. */
  readonly keptUp: boolean
}

/** What is counted of a part, from its warm-up on. */
interface Count {
  readonly latenciesMs: number[]
  readonly failures: string[]
}

const FAILURES_SHOWN = 5

function note({ failures }: Count, failure: unknown): void {
  if (failures.length < FAILURES_SHOWN) failures.push(failure instanceof Error ? failure.message : String(failure))
}

/**
 * Closed loop: `window` callers, each with the next transfer as soon as its last one is durable, for `seconds`, and longer (at most {@link STRETCH_MAX} times) where the
 * machine is so busy that hardly any were done. `atStart` is called when counting begins, `atEnd` when it ends: what they read is the cost of what was counted.
 */
export async function capacityRun(
  transfer: TransferOnce, options: { readonly window: number; readonly seconds: number; readonly atStart: () => void; readonly atEnd: () => void },
): Promise<Measured> {
  const { window, seconds } = options
  const count: Count = { latenciesMs: [], failures: [] }
  let phase: 'warming' | 'counting' | 'over' = 'warming'
  const caller = async (): Promise<void> => {
    while (phase !== 'over' && count.failures.length < FAILURES_SHOWN) {
      const beganAt = performance.now()
      try {
        await transfer()
      } catch (failure) {
        note(count, failure)
        continue
      }
      if (phase === 'counting') count.latenciesMs.push(performance.now() - beganAt)
      // As from a socket: the next one comes with another turn of the event loop. PGlite would never leave this one.
      await nextTurn()
    }
  }
  const callers = Promise.all(Array.from({ length: window }, caller))
  await delay(seconds * WARM_UP_SHARE * 1_000)
  // Timers are late where something computes long: what counts is when they came.
  const startedAt = performance.now()
  const elapsed = (): number => (performance.now() - startedAt) / 1_000
  options.atStart()
  phase = 'counting'
  await delay(seconds * 1_000)
  while (count.latenciesMs.length < COUNTED_MIN && count.failures.length === 0 && elapsed() < seconds * STRETCH_MAX) await delay(LOOK_MS)
  const counted = elapsed()
  options.atEnd()
  // Said to the callers, who run on.
  phase = 'over'
  await callers
  return measured(count, counted)
}

/**
 * Open loop: transfers begin at planned times, `perSecond` of them with gaps as of independent people (exponential), whether or not the ones before are done. What
 * waits because the ledger or this process was late counts: latency runs from the planned time. When `underWayMax` are under way it does not keep up, and nothing more is
 * planned.
 */
export async function openRun(
  transfer: TransferOnce, options: { readonly perSecond: number; readonly seconds: number; readonly underWayMax: number; readonly uniform: () => number },
): Promise<OpenMeasured> {
  const { perSecond, seconds, underWayMax, uniform } = options
  const count: Count = { latenciesMs: [], failures: [] }
  const startedAt = performance.now()
  const countsFrom = startedAt + seconds * WARM_UP_SHARE * 1_000
  const endsAt = countsFrom + seconds * 1_000
  const underWay = new Set<Promise<void>>()
  let plannedAt = startedAt
  let keptUp = true
  for (;;) {
    // 1 - uniform is never 0, whose logarithm is none.
    plannedAt += -Math.log(1 - uniform()) * 1_000 / perSecond
    if (plannedAt >= endsAt) break
    while (plannedAt > performance.now()) await delay(TICK_MS)
    if (underWay.size >= underWayMax) {
      keptUp = false
      break
    }
    const planned = plannedAt
    const one: Promise<void> = transfer().then(
      () => { if (planned >= countsFrom) count.latenciesMs.push(performance.now() - planned) },
      (failure: unknown) => { note(count, failure) },
    ).finally(() => underWay.delete(one))
    underWay.add(one)
  }
  await Promise.all(underWay)
  return { ...measured(count, seconds), keptUp }
}

function measured({ latenciesMs, failures }: Count, seconds: number): Measured {
  const ascending = Float64Array.from(latenciesMs).sort()
  const at = (share: number): number => ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN
  return {
    perSecond: ascending.length / seconds, transfers: ascending.length, seconds, p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), failures,
  }
}
