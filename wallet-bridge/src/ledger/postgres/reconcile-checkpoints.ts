import { sql, type Kysely } from 'kysely'
import type { ChainName } from '../../chain/chain-adapter.js'
import { decodeCheckpoint, encodeCheckpoint, type ReconcileCheckpoint, type ReconcileCheckpoints } from '../../flows/reconcile/checkpoint.js'
import type { LedgerDatabase } from './database.js'
import { ledgerFailure } from './failures.js'

/** {@link ReconcileCheckpoints} beside the ledger, in the same database. The ledger was opened before: that makes the table. */
export class PostgresCheckpoints implements ReconcileCheckpoints {
  readonly #queries: Kysely<unknown>

  constructor(database: LedgerDatabase) {
    this.#queries = database.queries
  }

  async get(chain: ChainName): Promise<ReconcileCheckpoint | undefined> {
    try {
      const { rows: [row] } = await sql<{ body: string }>`SELECT body FROM reconcile_checkpoints WHERE chain = ${chain}`.execute(this.#queries)
      return row === undefined ? undefined : decodeCheckpoint(row.body)
    } catch (failure) {
      throw ledgerFailure(failure, 'read checkpoint')
    }
  }

  async put(checkpoint: ReconcileCheckpoint): Promise<void> {
    try {
      await sql`INSERT INTO reconcile_checkpoints (chain, height, event, body)
        VALUES (${checkpoint.chain}, ${String(checkpoint.height)}::bigint, ${String(checkpoint.event)}::bigint, ${encodeCheckpoint(checkpoint)})
        ON CONFLICT (chain) DO UPDATE SET height = excluded.height, event = excluded.event, body = excluded.body`.execute(this.#queries)
    } catch (failure) {
      throw ledgerFailure(failure, 'write checkpoint')
    }
  }
}
