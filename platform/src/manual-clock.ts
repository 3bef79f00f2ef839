import type { Clock, Timer } from '@evegram/protocol'

interface Task {
  atMs: number
  readonly everyMs: number | undefined
  readonly run: () => void
}

/** A clock that stands still until it is told to go on: for tests and simulations. Its two times move together. */
export class ManualClock implements Clock {
  #wallMs: number
  #monotonicMs = 0
  readonly #tasks = new Set<Task>()

  /** `startMs`: wall time at the start, in ms since 1970. */
  constructor(startMs = 1_800_000_000_000) {
    this.#wallMs = startMs
  }

  now(): number {
    return this.#wallMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#plan({ atMs: this.#monotonicMs + delayMs, everyMs: undefined, run: task })
  }

  every(intervalMs: number, task: () => void): Timer {
    return this.#plan({ atMs: this.#monotonicMs + intervalMs, everyMs: intervalMs, run: task })
  }

  /** Lets `ms` pass and runs what falls due, in the order of its times. */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms
    for (let next = this.#due(endMs); next !== undefined; next = this.#due(endMs)) {
      this.#passTo(next.atMs)
      if (next.everyMs === undefined) this.#tasks.delete(next)
      else next.atMs += next.everyMs
      next.run()
    }
    this.#passTo(endMs)
  }

  /** Sets the wall clock forward or back, as an operator or a time server does; monotonic time goes on. */
  stepWall(ms: number): void {
    this.#wallMs += ms
  }

  #plan(task: Task): Timer {
    this.#tasks.add(task)
    return { cancel: () => { this.#tasks.delete(task) } }
  }

  #due(endMs: number): Task | undefined {
    let first: Task | undefined
    for (const task of this.#tasks) if (task.atMs <= endMs && (first === undefined || task.atMs < first.atMs)) first = task
    return first
  }

  #passTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }
}
