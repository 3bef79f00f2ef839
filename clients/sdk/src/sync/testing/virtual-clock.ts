import type { Clock, Timer } from '@evegram/protocol'

interface Planned {
  readonly atMs: number
  readonly order: number
  readonly task: () => void
}

/** A clock that moves only when told to. Tests share one among clients and server. */
export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  readonly #planned = new Set<Planned>()

  constructor(startMs = 1_800_000_000_000) {
    this.#nowMs = startMs
  }

  now(): number {
    // Timers may have fractions; wall time has none.
    return Math.floor(this.#nowMs)
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, task: () => void): Timer {
    const planned: Planned = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task }
    this.#planned.add(planned)
    return { cancel: () => { this.#planned.delete(planned) } }
  }

  every(intervalMs: number, task: () => void): Timer {
    let timer: Timer
    const again = (): void => {
      timer = this.after(intervalMs, again)
      task()
    }
    timer = this.after(intervalMs, again)
    return { cancel: () => { timer.cancel() } }
  }

  /** Lets `ms` pass: every task that falls due runs at its time, and what it started comes to rest before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await rest()
    for (;;) {
      const due = [...this.#planned].filter(({ atMs }) => atMs <= untilMs).sort((left, right) => left.atMs - right.atMs || left.order - right.order)[0]
      if (due === undefined) break
      this.#planned.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.task()
      await rest()
    }
    this.#nowMs = untilMs
  }
}

/** Resolves when everything that needs no timer, disk or network has come to rest: promises run before the next turn of the event loop. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
