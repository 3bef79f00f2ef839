import { concatBytes, isEvegramError, EvegramError } from '@evegram/protocol'
import { openBlob } from '../files/open-blob.js'
import { BACKUP_PREFIX_BYTES, headBytesAfter, openHead, type OpenedHead } from './backup-head.js'
import type { BackupSecret } from './backup-key.js'

/** A backup that a secret opened. */
export interface OpenedBackup {
  readonly head: OpenedHead
  /** The archive, in pieces. Throws `backup.not_opened` where the backup is damaged. */
  readonly archive: AsyncGenerator<Uint8Array>
}

/** Opens a backup whose bytes come in pieces of any length. Throws as `headBytesAfter` and `openHead` do, and as `bytes` does. */
export async function openBackup(bytes: AsyncIterable<Uint8Array>, secret: BackupSecret): Promise<OpenedBackup> {
  const source = bytes[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array(0)
  const take = async (length: number): Promise<Uint8Array> => {
    while (held.length < length) {
      const next = await source.next()
      if (next.done === true) break
      held = concatBytes(held, next.value)
    }
    const taken = held.subarray(0, length)
    held = held.subarray(taken.length)
    return taken
  }
  async function* rest(): AsyncGenerator<Uint8Array> {
    if (held.length > 0) yield held
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value
  }
  const length = headBytesAfter(await take(BACKUP_PREFIX_BYTES))
  const head = await openHead(await take(length), secret)
  return { head, archive: opened(rest(), head) }
}

async function* opened(sealed: AsyncIterable<Uint8Array>, { manifest }: OpenedHead): AsyncGenerator<Uint8Array> {
  try {
    yield* openBlob(sealed, manifest.sealed)
  } catch (cause) {
    if (isEvegramError(cause, 'e2ee.file_damaged')) throw new EvegramError('backup.not_opened', { operation: 'open backup', cause })
    throw cause
  }
}
