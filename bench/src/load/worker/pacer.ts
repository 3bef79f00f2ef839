import { monotonicUs } from '../measure/monotonic.js'
import { Arrivals } from '../plan/arrivals.js'
import { RatePlan } from '../plan/rate-plan.js'
import type { SendingStream } from './streams.js'
import type { LoopOrder } from './worker-calls.js'

/** A timer of Node counts whole milliseconds: a shorter wait, and the last part of a longer one, is spent looking. */
const TIMER_US_MIN = 1_100
/** Messages that are sent before others of this process get their turn. */
const BURST_MAX = 256

/** Sends the messages of a run. */
export interface Pacer {
  /** Resolves when the last message was sent. Rejects never. */
  readonly finished: Promise<void>
  /** A message of the stream was acknowledged, delivered here or refused. */
  onProgress(stream: SendingStream): void
  stop(): void
}

interface PacerOptions {
  readonly streams: readonly SendingStream[]
  readonly startUs: number
  /** Hears of every message, with its planned time and now. */
  readonly onSend: (plannedUs: number, nowUs: number) => void
}

/** Sends at planned times, whatever the answers do: what could not leave in time leaves late and carries its planned time all the same. */
export function openPacer(
  { loop, streams, startUs, seed, onSend }: PacerOptions & { readonly loop: Extract<LoopOrder, { kind: 'open' }>; readonly seed: string },
): Pacer {
  let isStopped = false
  const arrivals = new Arrivals(new RatePlan(loop.stages), loop.arrivals, streams.length, seed)
  const pace = async (): Promise<void> => {
    for (let next = arrivals.next(); next !== undefined && !isStopped;) {
      const dueUs = startUs + next.atSeconds * 1e6
      // Answers are read in between, also when sending is behind its plan.
      do await pause(dueUs - monotonicUs())
      while (monotonicUs() < dueUs && !isStopped)
      // What is due by now leaves together.
      const nowUs = monotonicUs()
      for (let burst = 0; next !== undefined && !isStopped && burst < BURST_MAX; burst++) {
        const plannedUs = startUs + next.atSeconds * 1e6
        if (plannedUs > nowUs) break
        onSend(plannedUs, nowUs)
        streams[next.sender]?.send(plannedUs)
        next = arrivals.next()
      }
    }
    // A plan ends at its end, not with its last message.
    const endUs = startUs + new RatePlan(loop.stages).seconds * 1e6
    while (!isStopped && monotonicUs() < endUs) await pause(Math.min(endUs - monotonicUs(), 100_000))
  }
  return { finished: pace(), onProgress: () => undefined, stop: () => { isStopped = true } }
}

/** Keeps `window` messages of every sender under way: as fast as the system lets it. A message is planned for the moment in which there is room for it. */
export function closedPacer({ loop, streams, startUs, onSend }: PacerOptions & { readonly loop: Extract<LoopOrder, { kind: 'closed' }> }): Pacer {
  let isStopped = false
  let isStarted = false
  const endUs = startUs + loop.seconds * 1e6
  const fill = (stream: SendingStream): void => {
    while (!isStopped && stream.underWay < loop.window) {
      const nowUs = monotonicUs()
      if (nowUs >= endUs) return
      onSend(nowUs, nowUs)
      stream.send(nowUs)
    }
  }
  const waiting = new Set<SendingStream>()
  let isFilling = false
  /** At the end of the turn: a frame may bring many answers, and an answer may come while something is being sent. */
  const fillLater = (): void => {
    if (isFilling) return
    isFilling = true
    setImmediate(() => {
      isFilling = false
      const due = [...waiting]
      waiting.clear()
      for (const stream of due) fill(stream)
    })
  }
  const pace = async (): Promise<void> => {
    while (!isStopped && monotonicUs() < startUs) await pause(Math.min(startUs - monotonicUs(), 100_000))
    isStarted = true
    for (const stream of streams) fill(stream)
    while (!isStopped && monotonicUs() < endUs) await pause(Math.min(endUs - monotonicUs(), 100_000))
  }
  return {
    finished: pace(),
    onProgress: (stream) => {
      if (!isStarted || isStopped) return
      waiting.add(stream)
      fillLater()
    },
    stop: () => { isStopped = true },
  }
}

function pause(us: number): Promise<void> {
  return new Promise((resolve) => {
    if (us < TIMER_US_MIN) setImmediate(resolve)
    else setTimeout(resolve, Math.min(100, Math.floor((us - 100) / 1_000)))
  })
}
