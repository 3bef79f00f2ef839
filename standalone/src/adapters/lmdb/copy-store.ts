import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import { open } from 'lmdb'

/**
 * Copies an LMDB store folder into `to` (made by this call) as one consistent snapshot, compacted and synced. The store may be in use
 * by a running server: LMDB readers see one committed state. Throws `unavailable.store`.
 */
export async function copyStore(from: string, to: string): Promise<void> {
  if (!existsSync(join(from, 'data.mdb'))) return
  mkdirSync(to, { recursive: true, mode: 0o700 })
  const store = open({ path: from, readOnly: true, encoding: 'binary', keyEncoding: 'binary', maxDbs: 32 })
  try {
    await store.backup(to, true)
  } catch (cause) {
    throw new EvegramError('unavailable.store', { operation: 'copy store', cause })
  } finally {
    await store.close()
  }
}
