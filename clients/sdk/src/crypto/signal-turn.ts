import { EvegramError, type Random } from '@evegram/protocol'
import type { SignalPrimitives } from './primitives.js'

/** What the library may draw from and count with during one call. */
export interface Turn {
  readonly random: Random
  readonly primitives: SignalPrimitives
}

/** Library calls of the whole process that may wait; beyond it, `limited.queue`. */
const WAITING_MAX = 100_000

/**
 * Runs library calls one after the other. The library keeps its randomness and arithmetic in module variables; with turns,
 * several clients in one process (a bot, a test, the simulator) each use their own. A call waits for no input or output, so
 * that a turn is short.
 */
export class TurnGate {
  #current: Turn | undefined
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** The turn in progress. Throws `internal` outside of one: something called the library directly. */
  current(): Turn {
    if (this.#current === undefined) throw new EvegramError('internal', { operation: 'use the Signal library outside of a turn' })
    return this.#current
  }

  /** Runs `job` with `turn` as the current one, after all earlier ones. */
  run<Result>(turn: Turn, job: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= WAITING_MAX) return Promise.reject(new EvegramError('limited.queue', { operation: 'use the Signal library' }))
    this.#waiting += 1
    const result = this.#last.then(async () => {
      this.#current = turn
      try {
        return await job()
      } finally {
        this.#current = undefined
        this.#waiting -= 1
      }
    })
    // The next turn starts whether this one failed or not; its caller sees the failure through `result`.
    this.#last = result.then(() => undefined, () => undefined)
    return result
  }
}
