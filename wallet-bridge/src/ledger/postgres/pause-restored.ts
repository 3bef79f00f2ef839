import { sql } from 'kysely'
import { parseChainName, type ChainName } from '../../chain/chain-adapter.js'
import { ledgerFailure } from './failures.js'
import { openPostgresLedger, type PostgresLedgerParts } from './ledger-store.js'
import { textArray } from './text-array.js'

/**
 * Pauses payouts of every chain that a restored ledger knows, but of `except`: chains that were restored with it. What was signed behind the backup is not in the
 * ledger and may have been paid, and would be signed anew. No process may work on the ledger meanwhile. Returns the chains that are paused now, by name. Rejects
 * `incompatible.schema`, `invalid.config` (a server that does not sync), `unavailable.store`.
 */
export async function pauseRestored(parts: PostgresLedgerParts, except: readonly ChainName[] = []): Promise<readonly ChainName[]> {
  const ledger = await openPostgresLedger(parts)
  try {
    await sql`INSERT INTO payout_pauses (chain, reason) SELECT chain, 'restored' FROM (SELECT chain FROM chain_identities UNION SELECT chain FROM payouts) AS known
      WHERE chain <> ALL(${textArray(except)}) ON CONFLICT (chain) DO UPDATE SET reason = 'restored'`.execute(parts.database.queries)
    const { rows } = await sql<{ chain: string }>`SELECT chain FROM payout_pauses ORDER BY chain`.execute(parts.database.queries)
    return rows.map(({ chain }) => parseChainName(chain))
  } catch (failure) {
    throw ledgerFailure(failure, 'pause a restored ledger')
  } finally {
    await ledger.close()
  }
}
