import { EvegramError } from '@evegram/protocol'
import { Generation, GENERATION_BYTES } from './generation.js'
import type { JournalDisk } from './journal-disk.js'
import { PAGE_BYTES, pageEnd, readRecordHeader, RECORD_HEADER_BYTES } from './record.js'

/**
 * What a journal holds beyond the record `movedSeq`, oldest first, to be moved before anything is served. A record that was cut off at the end is not there:
 * nobody was told that it is. Throws `unavailable.store` when one is broken or missing that others follow: that was acknowledged, and only a backup has it.
 * A journal that `isLive` was read while it was written, file by file: a gap in it is where the reader was overtaken, and ends it.
 */
export function recoverJournal(disk: Pick<JournalDisk, 'files' | 'read'>, storeId: Uint8Array, movedSeq: number, { isLive }: { readonly isLive: boolean } = { isLive: false }): readonly Generation[] {
  const found = disk.files().map((file) => readGeneration(disk, file, storeId, { movedSeq, isLive })).filter(({ lastSeq }) => lastSeq > movedSeq)
  found.sort((one, other) => one.firstSeq - other.firstSeq)
  let lastSeq = movedSeq
  for (const [index, generation] of found.entries()) {
    // What the disk refused has a number, too, and may lie before what it took next; the other way round something is gone.
    if (generation.previousSeq > lastSeq) {
      if (isLive) return found.slice(0, index)
      throw damaged({ after: lastSeq, found: generation.firstSeq })
    }
    lastSeq = generation.lastSeq
  }
  return found
}

/** The records of a file that follow each other from its beginning on, without those that were moved. */
function readGeneration(disk: Pick<JournalDisk, 'files' | 'read'>, file: number, storeId: Uint8Array, { movedSeq, isLive }: { readonly movedSeq: number; readonly isLive: boolean }): Generation {
  const arena = disk.read(file, GENERATION_BYTES)
  const generation = new Generation(file, arena)
  let [at, lastSeq] = [0, 0]
  for (let header = readRecordHeader(arena, at, storeId); header !== undefined; header = readRecordHeader(arena, at, storeId)) {
    // Behind the newest record lie those of an earlier use of the file.
    if (lastSeq > 0 && header.previous !== lastSeq) break
    lastSeq = header.seq
    const end = pageEnd(at + RECORD_HEADER_BYTES + header.bytes)
    generation.usedBytes = at
    if (header.seq > movedSeq) generation.take(header, end)
    at = end
  }
  if (isLive) return generation
  for (let behind = at; behind < arena.length; behind += PAGE_BYTES) {
    const seq = readRecordHeader(arena, behind, storeId)?.seq ?? 0
    if (seq > Math.max(lastSeq, movedSeq)) throw damaged({ after: Math.max(lastSeq, movedSeq), found: seq })
  }
  return generation
}

function damaged(details: { readonly after: number; readonly found: number }): EvegramError {
  return new EvegramError('unavailable.store', {
    operation: 'read journal', details,
    advice: `The journal of the message store is damaged: records behind number ${String(details.after)} are missing, number ${String(details.found)} is there. Restore a backup, or look at the disk.`,
  })
}
