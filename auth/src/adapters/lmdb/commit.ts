import { EvegramError } from '@evegram/protocol'
import type { Database } from 'lmdb'

/**
 * Runs `work` in one write transaction of the environment and resolves once it is synced to disk. Transactions run one after the
 * other, so what `work` reads is still true when it writes. `work` decides before its first write: lmdb keeps the writes made before a
 * throw.
 */
export async function commit<Result>(database: Database<unknown>, operation: string, work: () => Result): Promise<Result> {
  try {
    const result = await database.transaction(work)
    await database.flushed
    return result
  } catch (cause) {
    if (cause instanceof EvegramError) throw cause
    throw new EvegramError('unavailable.store', { operation, cause })
  }
}
