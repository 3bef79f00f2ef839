import { sql, type Kysely } from 'kysely'
import type { ChainName } from '../../chain/chain-adapter.js'
import type { LedgerDatabase } from './database.js'
import { ledgerFailure } from './failures.js'

/**
 * Which chain the books of each name are about, by what tells chains apart (the hash of the first block). Local chains forget everything when they end and begin as
 * other ones under the same name: their books would fit nothing. The ledger was opened before: that makes the table.
 */
export class PostgresChainIdentities {
  readonly #queries: Kysely<unknown>

  constructor(database: LedgerDatabase) {
    this.#queries = database.queries
  }

  /** The books of `chain` are about `identity` from now on, unless they are about another one already; which one they are about. Rejects `unavailable.store`. */
  async claim(chain: ChainName, identity: string): Promise<string> {
    try {
      await sql`INSERT INTO chain_identities (chain, identity) VALUES (${chain}, ${identity}) ON CONFLICT DO NOTHING`.execute(this.#queries)
    } catch (failure) {
      throw ledgerFailure(failure, 'claim the identity of a chain')
    }
    return await this.known(chain) ?? identity
  }

  /** Which one the books of `chain` are about; undefined while they are about none. Rejects `unavailable.store`. */
  async known(chain: ChainName): Promise<string | undefined> {
    try {
      const { rows: [row] } = await sql<{ identity: string }>`SELECT identity FROM chain_identities WHERE chain = ${chain}`.execute(this.#queries)
      return row?.identity
    } catch (failure) {
      throw ledgerFailure(failure, 'read the identity of a chain')
    }
  }
}
