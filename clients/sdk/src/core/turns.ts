import { EvegramError } from '@evegram/protocol'

/** Jobs that may wait in one {@link Turns}; past it `run` rejects with `limited.queue`. */
const TURNS_WAITING_MAX = 10_000

/** Runs jobs one after the other, in the order in which they were given. A job that fails does not stop the next one. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** Resolves or rejects as `job` does. A job must not wait for a later job of the same object. */
  run<Result>(job: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= TURNS_WAITING_MAX) return Promise.reject(new EvegramError('limited.queue', { operation: 'wait for a turn' }))
    this.#waiting += 1
    const result = this.#last.then(job).finally(() => {
      this.#waiting -= 1
    })
    // The caller sees the failure through `result`; the chain goes on either way.
    this.#last = result.then(() => undefined, () => undefined)
    return result
  }

  /** Resolves when everything that was given so far is done. */
  async idle(): Promise<void> {
    await this.#last
  }
}

/** {@link Turns} by key: jobs of one key run one after the other, others beside them. */
export class KeyedTurns {
  readonly #turns = new Map<string, { readonly turns: Turns; users: number }>()

  /** As {@link Turns.run}, among the jobs of `key`. */
  async run<Result>(key: string, job: () => Promise<Result>): Promise<Result> {
    const entry = this.#turns.get(key) ?? { turns: new Turns(), users: 0 }
    entry.users += 1
    this.#turns.set(key, entry)
    try {
      return await entry.turns.run(job)
    } finally {
      entry.users -= 1
      if (entry.users === 0) this.#turns.delete(key)
    }
  }
}
