import type { Timer } from '@evegram/protocol'

// Captured before the guard takes it away from everybody else: the one bridge to real turns of the event loop. Between two of them Node runs
// every promise reaction that is ready, in a fixed order, so that an event and all it causes without waiting are one atomic step.
 
const realImmediate = setImmediate

interface Planned {
  readonly atMs: number
  readonly order: number
  task: (() => void) | undefined
}

/** How many events a {@link Scheduler} runs. */
export interface EventBound {
  readonly max: number
  /** Called once, when the last of them is about to run. */
  readonly reached: () => void
}

/** Virtual time: a heap of planned events. Nothing else in a run knows any other time. */
export class Scheduler {
  #nowMs = 0
  #order = 0
  #events = 0
  readonly #heap: Planned[] = []
  #stopped = false
  readonly #bound: EventBound | undefined

  constructor(bound?: EventBound) {
    this.#bound = bound
  }

  /** Virtual ms since the start, with fractions. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that ran. */
  get events(): number {
    return this.#events
  }

  /** Runs `task` once, `delayMs` from now, after everything that was planned for that moment before. */
  after(delayMs: number, task: () => void): Timer {
    const planned: Planned = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task }
    this.#push(planned)
    return { cancel: () => { planned.task = undefined } }
  }

  /** Ends {@link run} before the next event. */
  stop(): void {
    this.#stopped = true
  }

  /**
   * Runs events in the order of their times until `untilMs`, until nothing is planned, or until {@link stop}. `settled` is called after each
   * event, once all that it caused without waiting is done; it may plan and may stop. Rejects with what an event throws.
   */
  run(untilMs: number, settled: () => void): Promise<void> {
    this.#stopped = false
    return new Promise((resolve, reject) => {
      let ran = false
      const step = (): void => {
        try {
          if (ran) settled()
          const next = this.#stopped ? undefined : this.#take(untilMs)
          if (next === undefined) {
            if (!this.#stopped) this.#nowMs = Math.max(this.#nowMs, Number.isFinite(untilMs) ? untilMs : this.#nowMs)
            resolve()
            return
          }
          this.#nowMs = Math.max(this.#nowMs, next.atMs)
          this.#events++
          if (this.#events === this.#bound?.max) this.#bound.reached()
          ran = true
          next.task?.()
          realImmediate(step)
        } catch (failure) {
          reject(failure instanceof Error ? failure : new Error(String(failure)))
        }
      }
      realImmediate(step)
    })
  }

  /** The next event that was not cancelled, if it is due by `untilMs`. */
  #take(untilMs: number): Planned | undefined {
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= untilMs; first = this.#heap[0]) {
      this.#removeFirst()
      if (first.task !== undefined) return first
    }
    return undefined
  }

  #push(planned: Planned): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(planned)
    while (index > 0) {
      const parent = (index - 1) >>> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, planned)) break
      heap[index] = above
      index = parent
    }
    heap[index] = planned
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      const smaller = right !== undefined && isBefore(right, left) ? right : left
      if (smaller === right) child++
      if (isBefore(last, smaller)) break
      heap[index] = smaller
      index = child
    }
    heap[index] = last
  }
}

function isBefore(one: Planned, other: Planned): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}
