import { EvegramError } from '@evegram/protocol'
import type { LocalStore, StoreChange, StoreRange, StoreTable } from '../../store/local-store.js'

/** When a {@link MortalStore} dies: at which commit, and whether that commit still reached the disk. */
export interface Death {
  /** Counted from 1. */
  readonly atCommit: number
  readonly durable: boolean
}

/**
 * A view of a store that "dies" at a commit, as a process does: that commit is lost or durable without its caller knowing, and
 * nothing works afterwards. The store underneath lives on, for the next process.
 */
export class MortalStore implements LocalStore {
  readonly #disk: LocalStore
  readonly #death: Death | undefined
  commits = 0
  dead = false

  constructor(disk: LocalStore, death?: Death) {
    this.#disk = disk
    this.#death = death
  }

  get(table: StoreTable, key: string): Promise<Uint8Array | undefined> {
    return this.dead ? this.#gone() : this.#disk.get(table, key)
  }

  list(table: StoreTable, range: StoreRange): ReturnType<LocalStore['list']> {
    return this.dead ? this.#gone() : this.#disk.list(table, range)
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    if (this.dead) return this.#gone()
    this.commits += 1
    if (this.commits === this.#death?.atCommit) {
      this.dead = true
      if (this.#death.durable) await this.#disk.commit(changes)
      return this.#gone()
    }
    return this.#disk.commit(changes)
  }

  /** The disk outlives the process. */
  close(): Promise<void> {
    this.dead = true
    return Promise.resolve()
  }

  #gone(): Promise<never> {
    return Promise.reject(new EvegramError('client.store', { operation: 'use a store of a process that is gone' }))
  }
}
