import { mkdirSync } from 'node:fs'
import { EvegramError } from '@evegram/protocol'
import { open, type RootDatabase } from 'lmdb'

/** Address space that a store may grow into; the file grows with its data. */
const MAP_BYTES_MAX = 64 * 1024 ** 3

/** Opens an LMDB environment in `folder` (made when missing, mode 0700) with room for `databases` named databases. Throws `unavailable.store`. */
export function openEnvironment(folder: string, databases: number): RootDatabase {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    return open({ path: folder, maxDbs: databases + 2, mapSize: MAP_BYTES_MAX, encoding: 'binary', keyEncoding: 'binary' })
  } catch (cause) {
    throw new EvegramError('unavailable.store', { operation: 'open store', cause })
  }
}
