import { existsSync } from 'node:fs'
import { systemClock } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { FileJournalDisk } from './journal/file-journal-disk.js'
import { GENERATION_BYTES } from './journal/generation.js'
import type { JournalDisk } from './journal/journal-disk.js'
import { Mover } from './journal/mover.js'
import { openDatabases } from './store.js'

/** What the journal of a store held when it was read. */
export type JournalCopy = Pick<JournalDisk, 'files' | 'read'>

/**
 * Reads the journal of the store in `dir` into memory, also while a server writes it. To be called before LMDB is copied: what was acknowledged by now is in
 * what this returns, or in LMDB already. Throws `unavailable.store`.
 */
export function copyJournal(dir: string): JournalCopy {
  try {
    const disk = new FileJournalDisk(dir, systemClock())
    const files = new Map(existsSync(dir) ? disk.files().map((file) => [file, disk.read(file, GENERATION_BYTES)]) : [])
    return { files: () => [...files.keys()], read: (file) => files.get(file) ?? Buffer.alloc(0) }
  } catch (cause) {
    throw new EvegramError('unavailable.store', { operation: 'copy journal', cause })
  }
}

/** Moves into the copy of a store in `dir`, which nobody else uses, what its journal held that `copyJournal` gave before the copy was made. Throws `unavailable.store`. */
export async function completeCopy(dir: string, journal: JournalCopy): Promise<void> {
  if (journal.files().length === 0 || !existsSync(dir)) return
  const databases = openDatabases(dir)
  try {
    new Mover(databases).recover(journal, { isLive: true })
  } finally {
    await databases.root.close()
  }
}
