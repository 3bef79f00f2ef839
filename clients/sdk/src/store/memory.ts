import { EvegramError } from '@evegram/protocol'
import { checkChanges } from './check-changes.js'
import type { LocalStore, StoreChange, StoreRange, StoreTable } from './local-store.js'

/** One table: rows by key, and the keys in order. */
interface Table {
  readonly rows: Map<string, Uint8Array>
  readonly keys: string[]
}

/** Index of the first key that is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * A {@link LocalStore} in memory, for tests, simulators and throw-away clients. It keeps every promise of the port but durability:
 * what it holds ends with the object.
 */
export class MemoryStore implements LocalStore {
  readonly #tables = new Map<StoreTable, Table>()
  #closed = false

  async get(table: StoreTable, key: string): Promise<Uint8Array | undefined> {
    this.#refuseClosed('read the store')
    return this.#tables.get(table)?.rows.get(key)?.slice()
  }

  async list(table: StoreTable, range: StoreRange): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    this.#refuseClosed('read the store')
    const { rows, keys } = this.#table(table)
    const from = range.from === undefined ? 0 : lowerBound(keys, range.from)
    const to = range.to === undefined ? keys.length : Math.max(from, lowerBound(keys, range.to))
    const limit = Math.max(0, range.limit)
    const found = range.reverse === true
      ? keys.slice(Math.max(from, to - limit), to).reverse()
      : keys.slice(from, Math.min(to, from + limit))
    return found.map((key) => ({ key, value: (rows.get(key) ?? new Uint8Array(0)).slice() }))
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    this.#refuseClosed('commit')
    checkChanges(changes)
    for (const change of changes) this.#apply(change)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#tables.clear()
  }

  #apply({ table: name, key, value }: StoreChange): void {
    const { rows, keys } = this.#table(name)
    const known = rows.has(key)
    if (value === undefined) {
      if (known) keys.splice(lowerBound(keys, key), 1)
      rows.delete(key)
      return
    }
    if (!known) keys.splice(lowerBound(keys, key), 0, key)
    rows.set(key, value.slice())
  }

  #table(name: StoreTable): Table {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const made: Table = { rows: new Map(), keys: [] }
    this.#tables.set(name, made)
    return made
  }

  #refuseClosed(operation: string): void {
    if (this.#closed) throw new EvegramError('client.store', { operation, advice: 'The store was closed.' })
  }
}
