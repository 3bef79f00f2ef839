import type { LocalStore } from '../store/local-store.js'
import { GroupedStore } from './grouped-store.js'
import { Transaction } from './transaction.js'
import { Turns } from './turns.js'

/** A transaction whose writes are visible to the next one, and will be durable when `durable` resolves. */
export interface StagedWrite<Result> {
  readonly result: Result
  readonly durable: Promise<void>
}

/**
 * The local state of a profile: transactions one after the other, each seeing what the ones before wrote, made durable in groups.
 * A job must not wait for the network, nor for another write.
 */
export class LocalState {
  /** For reads anywhere, and for writes of single rows that no transaction touches. */
  readonly store: GroupedStore
  readonly #turns = new Turns()

  constructor(store: LocalStore) {
    this.store = new GroupedStore(store)
  }

  /** Runs `job` and commits what it wrote. Resolves when that is durable; rejects as `job` and the store do: then nothing was written. */
  async write<Result>(job: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const { result, durable } = await this.stage(job)
    await durable
    return result
  }

  /** As {@link write}, without waiting: whoever lets something leave the device waits for `durable` first. */
  stage<Result>(job: (tx: Transaction) => Promise<Result>): Promise<StagedWrite<Result>> {
    return this.#turns.run(async () => {
      const tx = new Transaction(this.store)
      const result = await job(tx)
      const durable = tx.commit()
      // Told to whoever waits for it; nobody has to.
      durable.catch(() => undefined)
      return { result, durable }
    })
  }

  /** Resolves when everything that was begun is durable or has failed. */
  async idle(): Promise<void> {
    await this.#turns.idle()
    await this.store.close()
  }
}
