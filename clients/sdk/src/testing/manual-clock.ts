import type { Clock, Timer } from '@evegram/protocol'

interface Planned {
  atMs: number
  readonly task: () => void
  readonly everyMs: number | undefined
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #planned = new Set<Planned>()
  #nowMs: number
  #monotonicMs = 0

  constructor(startMs = 1_790_000_000_000) {
    this.#nowMs = startMs
  }

  now(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#plan({ atMs: this.#monotonicMs + delayMs, task, everyMs: undefined })
  }

  every(intervalMs: number, task: () => void): Timer {
    return this.#plan({ atMs: this.#monotonicMs + intervalMs, task, everyMs: intervalMs })
  }

  /** Tasks that wait. */
  get pending(): number {
    return this.#planned.size
  }

  /** A step of the wall clock alone. */
  setWall(nowMs: number): void {
    this.#nowMs = nowMs
  }

  /** Moves on by `ms` and runs what is due, in order, letting promises settle after each task. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms
    await settle()
    for (let due = this.#nextUntil(endMs); due !== undefined; due = this.#nextUntil(endMs)) {
      this.#moveTo(Math.max(due.atMs, this.#monotonicMs))
      if (due.everyMs === undefined) this.#planned.delete(due)
      else due.atMs += due.everyMs
      due.task()
      await settle()
    }
    this.#moveTo(endMs)
  }

  #plan(planned: Planned): Timer {
    this.#planned.add(planned)
    return { cancel: () => { this.#planned.delete(planned) } }
  }

  #nextUntil(endMs: number): Planned | undefined {
    return [...this.#planned].filter(({ atMs }) => atMs <= endMs).sort((left, right) => left.atMs - right.atMs)[0]
  }

  #moveTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }
}

/** Lets everything run that waits for resolved promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => { setImmediate(resolve) })
}
