import { hexOf } from '@evegram/protocol'
import type { Database, RootDatabase } from 'lmdb'
import type { NonceStore, NonceUse } from '../../ports/nonce-store.js'
import { commit } from './commit.js'

/**
 * Used nonces. Rows: `['n', hash]` -> when it runs out, `['e', when, hash]` -> true, the same by time for the sweep.
 * The account store writes through `use` inside its own transactions.
 */
export class NonceTable {
  readonly #rows: Database<number | true>

  constructor(environment: RootDatabase) {
    this.#rows = environment.openDB<number | true>({ name: 'auth-nonces', encoding: 'msgpack' })
  }

  /** The database, for transactions. */
  get database(): Database<unknown> {
    return this.#rows
  }

  /** Whether the nonce is used; inside a transaction the answer holds until its end. */
  has(key: Uint8Array): boolean {
    return this.#rows.doesExist(['n', hexOf(key)])
  }

  /** Writes the nonce as used. Only inside a transaction in which `has` was false. */
  use(nonce: NonceUse): void {
    const hash = hexOf(nonce.key)
    this.#rows.putSync(['n', hash], nonce.expiresAtMs)
    this.#rows.putSync(['e', nonce.expiresAtMs, hash], true)
  }

  /** Removes rows that ran out before `beforeMs`. Only inside a transaction. */
  removeExpired(beforeMs: number, limit: number): number {
    const keys = [...this.#rows.getKeys({ start: ['e', 0], end: ['e', beforeMs], limit })]
    for (const key of keys) {
      const hash = Array.isArray(key) ? key[2] : undefined
      this.#rows.removeSync(key)
      if (hash !== undefined) this.#rows.removeSync(['n', hash])
    }
    return keys.length
  }
}

/** {@link NonceStore} on LMDB. */
export function lmdbNonceStore(table: NonceTable): NonceStore {
  return {
    consume: (nonce) => commit(table.database, 'consume nonce', () => {
      if (table.has(nonce.key)) return 'used' as const
      table.use(nonce)
      return 'consumed' as const
    }),
    isUsed: (key) => Promise.resolve(table.has(key)),
    sweep: (beforeMs, limit) => commit(table.database, 'sweep nonces', () => table.removeExpired(beforeMs, limit)),
  }
}
