import { Coverage } from './coverage.js'
import { SimRandom } from './random.js'
import { Scheduler } from './scheduler.js'
import { Trace } from './trace.js'

/**
 * Events of one world at most: some twenty times what the longest ones take that end well. What goes on beyond it goes round in circles, and is told as such by a bound that
 * is the same on every machine, long before the real time of a seed is over.
 */
export const EVENTS_MAX = 500_000

/** The promises of the design that a run can break; `program` is a fault of the code that no promise names, `guard` one of determinism. */
export type PromiseName = 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6' | 'P7' | 'P8' | 'P9' | 'P10' | 'liveness' | 'program' | 'guard'

/** A promise that was broken. */
export interface Violation {
  readonly promise: PromiseName
  /** What was seen, for a person; ids cut to 8 digits. */
  readonly what: string
  readonly atMs: number
  readonly event: number
}

/** What every part of one run shares: time, randomness, trace, coverage, and the place where a broken promise ends it. */
export class Run {
  readonly seed: string
  readonly scheduler: Scheduler
  readonly coverage = new Coverage()
  readonly trace: Trace
  /** True time of the start, in ms since 1970. */
  readonly startEpochMs: number
  readonly #random: SimRandom
  #violation: Violation | undefined

  constructor(options: { readonly seed: string; readonly keepTrace: boolean; readonly eventsMax?: number }) {
    this.seed = options.seed
    const max = options.eventsMax ?? EVENTS_MAX
    this.scheduler = new Scheduler({ max, reached: () => { this.broken('liveness', `${max.toLocaleString('en')} events, and no end: something happens again and again`) } })
    this.trace = new Trace(options.keepTrace)
    this.#random = new SimRandom(options.seed)
    // Somewhere in three years, and close to a full hour every second time: marks are kept by the hour.
    const random = this.random('epoch')
    const hourMs = 3_600_000
    const epochMs = Math.floor(1_800_000_000_000 / hourMs) * hourMs + random.between(0, 26_280) * hourMs
    this.startEpochMs = epochMs + (random.chance(0.5) ? hourMs - random.between(5_000, 150_000) : random.between(0, hourMs - 1))
  }

  /** Virtual ms since the start. */
  get nowMs(): number {
    return this.scheduler.nowMs
  }

  /** True time in ms since 1970, with fractions. */
  get trueTimeMs(): number {
    return this.startEpochMs + this.scheduler.nowMs
  }

  /** The stream of randomness of one part of the run. */
  random(name: string): SimRandom {
    return this.#random.fork(name)
  }

  /** Notes what happened. */
  note(who: string, what: string): void {
    this.trace.add({ atMs: this.scheduler.nowMs, event: this.scheduler.events, who, what })
  }

  /** A promise is broken: the first one ends the run. */
  broken(promise: PromiseName, what: string): void {
    if (this.#violation !== undefined) return
    this.#violation = { promise, what, atMs: this.scheduler.nowMs, event: this.scheduler.events }
    this.note('auditor', `${promise} broken: ${what}`)
    this.scheduler.stop()
  }

  /** The promise that was broken first. */
  get violation(): Violation | undefined {
    return this.#violation
  }
}
