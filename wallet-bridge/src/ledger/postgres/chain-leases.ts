import { sql, type Kysely } from 'kysely'
import type { ChainName } from '../../chain/chain-adapter.js'
import type { ChainLease, ChainLeases } from '../../ports/chain-leases.js'
import type { LedgerDatabase } from './database.js'
import { ledgerFailure } from './failures.js'

/** First half of the advisory locks' keys: `wlly` in ASCII. The second is a hash of the chain. */
const LOCK_SPACE = 0x77_6c_6c_79

/** A session that is not asked for so long is ended by the server, and its leases with it: a machine that is gone says nothing any more. {@link ChainLease.isHeld} asks. */
export const LEASE_SESSION_IDLE_MS = 15_000

/**
 * Leases as advisory locks of PostgreSQL sessions: each keeps a connection of `database` for as long as it is held, so give it a database handle of its own with a
 * connection for each chain, opened with {@link LEASE_SESSION_IDLE_MS}. The server frees the lock when the connection ends, however it ends.
 */
export class PostgresChainLeases implements ChainLeases {
  readonly #queries: Kysely<unknown>

  constructor(database: LedgerDatabase) {
    this.#queries = database.queries
  }

  acquire(chain: ChainName): Promise<ChainLease | undefined> {
    return new Promise((resolve, reject) => {
      let isOver = false
      let give: (() => void) | undefined
      const given = new Promise<void>((done) => { give = done })
      const session = this.#queries.connection().execute(async (connection) => {
        const { rows: [row] } = await sql<{ taken: boolean }>`SELECT pg_try_advisory_lock(${LOCK_SPACE}, hashtext(${chain})) AS taken`.execute(connection)
        if (row?.taken !== true) return resolve(undefined)
        resolve({
          isHeld: async () => {
            // The lock lives as long as this very connection: an answer on it is proof enough.
            if (!isOver) await sql`SELECT 1`.execute(connection).catch(() => { end() })
            return !isOver
          },
          release: async () => {
            end()
            await session
          },
        })
        await given
        await sql`SELECT pg_advisory_unlock(${LOCK_SPACE}, hashtext(${chain}))`.execute(connection)
      }).catch((failure: unknown) => {
        isOver = true
        // Of a lease that was given out nobody hears this: its connection is gone, and the lock with it.
        reject(ledgerFailure(failure, 'acquire lease'))
      })
      function end(): void {
        isOver = true
        give?.()
      }
    })
  }
}
