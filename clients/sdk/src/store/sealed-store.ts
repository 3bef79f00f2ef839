import { EvegramError } from '@evegram/protocol'
import { checkChanges } from './check-changes.js'
import type { LocalStore, StoreChange, StoreRange, StoreTable } from './local-store.js'
import type { RowSealer } from './row-sealer.js'

/**
 * A {@link LocalStore} that keeps its values sealed in another one. Names of rows and lengths of values stay readable; what the store underneath promises holds
 * here too.
 */
export class SealedStore implements LocalStore {
  readonly #store: LocalStore
  readonly #sealer: RowSealer
  /** The commit before: sealing takes time, and commits take effect in the order of their calls. */
  #last: Promise<void> = Promise.resolve()
  #closed = false

  constructor(store: LocalStore, sealer: RowSealer) {
    this.#store = store
    this.#sealer = sealer
  }

  async get(table: StoreTable, key: string): Promise<Uint8Array | undefined> {
    const sealed = await this.#store.get(table, key)
    return sealed === undefined ? undefined : this.#sealer.open(table, key, sealed)
  }

  async list(table: StoreTable, range: StoreRange): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    const rows = await this.#store.list(table, range)
    return Promise.all(rows.map(async ({ key, value }) => ({ key, value: await this.#sealer.open(table, key, value) })))
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    if (this.#closed) throw new EvegramError('client.store', { operation: 'commit', advice: 'The store was closed.' })
    // Here too: what is beyond the bounds is not worth sealing.
    checkChanges(changes)
    const sealing = Promise.all(changes.map(async ({ table, key, value }): Promise<StoreChange> =>
      ({ table, key, value: value === undefined ? undefined : await this.#sealer.seal(table, key, value) })))
    const before = this.#last
    const written = (async () => {
      const [sealed] = await Promise.all([sealing, before])
      await this.#store.commit(sealed)
    })()
    // The next one waits for this one, whatever becomes of it; this one's caller hears what became of it.
    this.#last = written.catch(() => undefined)
    return written
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#last
    await this.#store.close()
  }
}
