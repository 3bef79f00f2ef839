import { mkdirSync } from 'node:fs'
import { EvegramError } from '@evegram/protocol'
import { open, type RootDatabase } from 'lmdb'
import { LMDB_AUTH_DATABASES } from './auth-stores.js'

/** Address space that the store may grow into; the file grows with its data. */
const MAP_BYTES_MAX = 64 * 1024 ** 3

/** Opens the LMDB environment of auth in `folder` (made when missing, mode 0700). The caller closes it. Throws `unavailable.store`. */
export function openAuthEnvironment(folder: string): RootDatabase {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    return open({
      path: folder, maxDbs: LMDB_AUTH_DATABASES + 2, mapSize: MAP_BYTES_MAX,
      // A commit counts when it is synced and not before: with overlapping syncs, data whose sync failed stays visible. Batching over event
      // turns would end the process by an unhandled rejection when a commit fails.
      overlappingSync: false, eventTurnBatching: false,
    })
  } catch (cause) {
    throw new EvegramError('unavailable.store', { operation: 'open store', cause })
  }
}
