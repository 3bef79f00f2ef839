import { EvegramError } from '@evegram/protocol'

/** Lets a bounded number of tasks run at once; the others wait in order, a bounded number of them. */
export class Gate {
  readonly #atOnce: number
  readonly #waitingMax: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(options: { readonly atOnce: number; readonly waitingMax: number }) {
    this.#atOnce = options.atOnce
    this.#waitingMax = options.waitingMax
  }

  /** The result of `task`. Rejects `limited.queue` when too many wait already. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#waitingMax) throw new EvegramError('limited.queue', { operation: 'wait for a turn' })
      // Whoever ends hands its place over, so `running` is not counted down and up again.
      await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
    } else this.#running++
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
