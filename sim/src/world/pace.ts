import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'

/** Acts again and again, after waits of virtual time that it draws: mostly short ones. */
export class Pace {
  readonly #run: Pick<Run, 'scheduler'>
  readonly #random: SimRandom
  readonly #waitMs: readonly [least: number, most: number]
  #running = false

  constructor(run: Pick<Run, 'scheduler'>, random: SimRandom, waitMs: readonly [least: number, most: number]) {
    this.#run = run
    this.#random = random
    this.#waitMs = waitMs
  }

  /** Calls `act` after each wait from now on, until {@link stop}. */
  start(act: () => void): void {
    this.#running = true
    this.#next(act)
  }

  /** No more actions. */
  stop(): void {
    this.#running = false
  }

  #next(act: () => void): void {
    this.#run.scheduler.after(this.#random.skewed(...this.#waitMs), () => {
      if (!this.#running) return
      act()
      this.#next(act)
    })
  }
}
