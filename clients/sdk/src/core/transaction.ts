import type { ChangeSet, SignalState } from '../crypto/stores.js'
import type { LocalStore, StoreChange, StoreTable } from '../store/local-store.js'

/** Which table holds a row of the Signal code. */
function signalTable(key: string): StoreTable {
  if (/^signal\/(session|sender-keys?|own-sender-key|sender-key-holders)\//.test(key)) return 'sessions'
  return key === 'signal/device' ? 'meta' : 'prekeys'
}

/** The Signal code's view of the committed rows. */
export function signalStateOf(store: LocalStore): SignalState {
  return { get: (key) => store.get(signalTable(key), key) }
}

/** The writes of a change set of the Signal code. */
export function storeChangesOf(changes: ChangeSet): StoreChange[] {
  return [
    ...[...changes.deletes].map((key) => ({ table: signalTable(key), key, value: undefined })),
    ...[...changes.puts].map(([key, value]) => ({ table: signalTable(key), key, value })),
  ]
}

/**
 * Writes that belong together: nothing is visible outside before `commit`, everything after it. Reads see the own writes.
 * Made by `LocalState` alone, one at a time, so that two transactions never interleave.
 */
export class Transaction {
  readonly #store: LocalStore
  readonly #staged = new Map<string, StoreChange>()
  readonly #afterwards: (() => void)[] = []
  /** The rows of the Signal code as this transaction will leave them. */
  readonly signal: SignalState = { get: (key) => this.get(signalTable(key), key) }

  constructor(store: LocalStore) {
    this.#store = store
  }

  get(table: StoreTable, key: string): Promise<Uint8Array | undefined> {
    const staged = this.#staged.get(`${table} ${key}`)
    return staged === undefined ? this.#store.get(table, key) : Promise.resolve(staged.value)
  }

  put(table: StoreTable, key: string, value: Uint8Array): void {
    this.#staged.set(`${table} ${key}`, { table, key, value })
  }

  remove(table: StoreTable, key: string): void {
    this.#staged.set(`${table} ${key}`, { table, key, value: undefined })
  }

  /** Adds a write made elsewhere. */
  change(change: StoreChange): void {
    this.#staged.set(`${change.table} ${change.key}`, change)
  }

  /** Adds the writes of a Signal operation. */
  apply(changes: ChangeSet): void {
    for (const change of storeChangesOf(changes)) this.#staged.set(`${change.table} ${change.key}`, change)
  }

  /** Runs `task` once the commit is durable: for events and for what is kept in memory. Never runs when it fails. */
  afterCommit(task: () => void): void {
    this.#afterwards.push(task)
  }

  /** Makes the writes durable, then runs the tasks. Rejects with `client.store`; then nothing was written. */
  async commit(): Promise<void> {
    if (this.#staged.size > 0) await this.#store.commit([...this.#staged.values()])
    for (const task of this.#afterwards) task()
  }
}
