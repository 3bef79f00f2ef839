import type { Clock, Timer } from '@evegram/protocol'
import type { SimRandom } from './random.js'
import type { Scheduler } from './scheduler.js'

/** How the clocks of one machine run. */
export interface ClockFaults {
  /** How much the wall clock is ahead of true time, in ms. */
  wallAheadMs: number
  /** Monotonic ms per true ms: 1.0001 runs 100 ppm fast. */
  readonly rate: number
}

/**
 * One program on one machine: a node, a client, an instance of auth. Everything that its code can wait for goes through {@link run} or
 * {@link hold}, so that killing it ends it between two steps: its timers do not fire, its calls never come back, nothing it still does is seen.
 */
export class SimProcess {
  /** `n1.2`: the second start of node 1. */
  readonly name: string
  /** `n1`: where it runs. */
  readonly machine: string
  readonly random: SimRandom
  readonly clock: Clock
  readonly faults: ClockFaults
  readonly #scheduler: Scheduler
  readonly #startEpochMs: number
  readonly #ends = new Set<() => void>()
  #alive = true
  #deferred: (() => void)[] = []
  #suspended = false
  /** True ms of suspends that the monotonic clock did not count. */
  #uncountedMs = 0
  #suspendedAtMs = 0
  #countsSuspend = true

  /** `startEpochMs`: true time of the start of the run in ms since 1970. */
  constructor(options: { readonly machine: string; readonly start: number; readonly scheduler: Scheduler; readonly random: SimRandom; readonly startEpochMs: number; readonly faults: ClockFaults }) {
    this.machine = options.machine
    this.name = `${options.machine}.${options.start}`
    this.random = options.random
    this.faults = options.faults
    this.#scheduler = options.scheduler
    this.#startEpochMs = options.startEpochMs
    this.clock = {
      now: () => Math.floor(this.#startEpochMs + this.#scheduler.nowMs + this.faults.wallAheadMs),
      monotonicMs: () => this.#monotonicMs(),
      after: (delayMs, task) => this.#after(delayMs, task),
      every: (intervalMs, task) => this.#every(intervalMs, task),
    }
  }

  /** Whether it runs (or is suspended). */
  get alive(): boolean {
    return this.#alive
  }

  /** Whether it is stopped for a while, as by a debugger or a host that sleeps. */
  get suspended(): boolean {
    return this.#suspended
  }

  /** The turns of its event loop. */
  readonly turn = { defer: (task: () => void): void => { this.#scheduler.after(0, () => { this.run(task) }) } }

  /** Something comes in from outside: runs `task` now, once it wakes up, or never when it is gone. */
  run(task: () => void): void {
    if (!this.#alive) return
    if (this.#suspended) this.#deferred.push(task)
    else task()
  }

  /** Wraps the two ends of a promise that something outside settles: what settles it after the end of the process, or while it sleeps, waits. */
  hold<Value>(start: (resolve: (value: Value) => void, reject: (error: Error) => void) => void): Promise<Value> {
    return new Promise((resolve, reject) => {
      start(
        (value) => { this.run(() => { resolve(value) }) },
        (error) => { this.run(() => { reject(error) }) },
      )
    })
  }

  /** Ends it without a word, between two steps. Calls those who asked for it. */
  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#deferred = []
    for (const end of [...this.#ends]) end()
    this.#ends.clear()
  }

  /** Calls back when the process is killed; returns the end of that. */
  onKilled(listener: () => void): () => void {
    this.#ends.add(listener)
    return () => { this.#ends.delete(listener) }
  }

  /**
   * Stops it for `ms`: what comes meanwhile is handled afterwards, in order. With `countsTime` false the monotonic clock stands still
   * meanwhile, as that of a machine does that is suspended to disk or whose hypervisor pauses it.
   */
  suspend(ms: number, countsTime: boolean): void {
    if (!this.#alive || this.#suspended) return
    this.#suspended = true
    this.#suspendedAtMs = this.#scheduler.nowMs
    this.#countsSuspend = countsTime
    this.#scheduler.after(ms, () => { this.#resume() })
  }

  #resume(): void {
    if (!this.#alive) return
    if (!this.#countsSuspend) this.#uncountedMs += this.#scheduler.nowMs - this.#suspendedAtMs
    this.#suspended = false
    const deferred = this.#deferred
    this.#deferred = []
    // Each in an event of its own: promise reactions run in between, as they do between two callbacks of Node.
    for (const task of deferred) this.#scheduler.after(0, () => { this.run(task) })
  }

  #monotonicMs(): number {
    const stoppedMs = this.#suspended && !this.#countsSuspend ? this.#scheduler.nowMs - this.#suspendedAtMs : 0
    return (this.#scheduler.nowMs - this.#uncountedMs - stoppedMs) * this.faults.rate
  }

  #after(delayMs: number, task: () => void): Timer {
    return this.#scheduler.after(delayMs / this.faults.rate, () => { this.run(task) })
  }

  #every(intervalMs: number, task: () => void): Timer {
    let cancelled = false
    let timer: Timer
    const again = (): void => {
      if (cancelled) return
      timer = this.#after(intervalMs, again)
      task()
    }
    timer = this.#after(intervalMs, again)
    return {
      cancel: () => {
        cancelled = true
        timer.cancel()
      },
    }
  }
}
