import type { LocalStore, StoreChange, StoreRange, StoreTable } from '../store/local-store.js'

/** Writes that go to the store in one commit; more wait for the next. Below the bound of every store. */
const GROUP_CHANGES_MAX = 2_048

interface Staged {
  readonly changes: readonly StoreChange[]
  resolve(): void
  reject(error: unknown): void
}

type Row = { readonly key: string; readonly value: Uint8Array }

/**
 * A store whose commits are visible to its own readers at once and durable a little later, together: what is staged while one
 * commit is being synced goes into the next one. The promise of each commit still means durable.
 *
 * One commit is on its way at a time, and when it fails everything staged behind it fails with it: nothing is ever durable that
 * was computed from something that is not.
 */
export class GroupedStore implements LocalStore {
  readonly #store: LocalStore
  /** What readers see before the store has it, by table and key; the newest wins. */
  readonly #visible = new Map<StoreTable, Map<string, StoreChange>>()
  #waiting: Staged[] = []
  #flushing: Promise<void> | undefined

  constructor(store: LocalStore) {
    this.#store = store
  }

  get(table: StoreTable, key: string): Promise<Uint8Array | undefined> {
    const staged = this.#visible.get(table)?.get(key)
    return staged === undefined ? this.#store.get(table, key) : Promise.resolve(staged.value)
  }

  async list(table: StoreTable, range: StoreRange): Promise<readonly Row[]> {
    const staged = [...(this.#visible.get(table)?.values() ?? [])].filter(({ key }) => isWithin(key, range))
    if (staged.length === 0) return this.#store.list(table, range)
    // Each staged row may hide one of the store's.
    const stored = await this.#store.list(table, { ...range, limit: range.limit + staged.length })
    const merged = new Map(stored.map((row) => [row.key, row]))
    for (const { key, value } of staged) {
      if (value === undefined) merged.delete(key)
      else merged.set(key, { key, value })
    }
    const direction = range.reverse === true ? -1 : 1
    return [...merged.values()].sort((left, right) => (left.key < right.key ? -direction : direction)).slice(0, range.limit)
  }

  commit(changes: readonly StoreChange[]): Promise<void> {
    for (const change of changes) {
      const rows = this.#visible.get(change.table) ?? new Map<string, StoreChange>()
      rows.set(change.key, change)
      this.#visible.set(change.table, rows)
    }
    const durable = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject })
    })
    this.#flushing ??= this.#flush()
    return durable
  }

  /** Resolves when nothing is on its way; does not close the store underneath, which others may use. */
  async close(): Promise<void> {
    await this.#flushing
  }

  async #flush(): Promise<void> {
    // What is staged in this turn of the event loop goes together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#store.commit(merge(group))
      } catch (error) {
        const lost = [...group, ...this.#waiting]
        this.#waiting = []
        this.#visible.clear()
        for (const staged of lost) staged.reject(error)
        break
      }
      for (const { changes } of group) this.#settle(changes)
      for (const staged of group) staged.resolve()
    }
    // In the same moment as the last look at what waits: what comes a microtask later begins anew, and would wait for ever otherwise.
    this.#flushing = undefined
  }

  #takeGroup(): Staged[] {
    let count = 0
    const size = this.#waiting.findIndex(({ changes }, index) => {
      count += changes.length
      return index > 0 && count > GROUP_CHANGES_MAX
    })
    return this.#waiting.splice(0, size < 0 ? this.#waiting.length : size)
  }

  /** The store has these now, unless something newer was staged for their keys. */
  #settle(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      const rows = this.#visible.get(change.table)
      if (rows?.get(change.key) === change) rows.delete(change.key)
    }
  }
}

function isWithin(key: string, { from, to }: StoreRange): boolean {
  return (from === undefined || key >= from) && (to === undefined || key < to)
}

/** One write for each key: the last one. */
function merge(group: readonly Staged[]): StoreChange[] {
  const last = new Map<string, StoreChange>()
  for (const { changes } of group) for (const change of changes) last.set(`${change.table} ${change.key}`, change)
  return [...last.values()]
}
