import { comparePositions, readPosition, POSITION_BYTES, type Position } from '@evegram/protocol'
import type { StoredEnvelope } from '../../../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../../../ports/marks.js'
import { BUNDLED_HEADER_BYTES } from '../bundle.js'
import { entriesOf, RECORD_HEADER_BYTES, type RecordHeader, type WrittenEntry } from './record.js'

/** Bytes of one file of the journal, and of the memory that holds the same: what is moved into LMDB by one transaction. */
export const GENERATION_BYTES = 2 * 1_048_576

/** A copy that lies in a generation. */
export interface JournalledCopy {
  readonly generation: Generation
  /** Where it stands in the arena: position, length, envelope, as in a bundle. */
  readonly at: number
}

/**
 * One file of the journal and the same bytes in memory: what was acknowledged and is not in LMDB yet. Readers see both places.
 */
export class Generation {
  readonly file: number
  readonly arena: Buffer
  readonly view: DataView
  usedBytes = 0
  /** Numbers of its first and its last record, and of the durable one before; 0 without one. */
  firstSeq = 0
  lastSeq = 0
  previousSeq = 0
  copies = 0
  /** Highest time of a position in it. */
  highestMs = 0
  readonly #places = new Map<string, number[]>()
  readonly #marks = new Map<string, { readonly conversation: string; readonly hour: number }[]>()

  constructor(file: number, arena: Buffer) {
    this.file = file
    this.arena = arena
    this.view = new DataView(arena.buffer, arena.byteOffset, arena.byteLength)
  }

  /** Takes a durable record that stands at `usedBytes` and ends, with its page, at `end`. `entries`: what is in it, when that is known already. */
  take(header: RecordHeader, end: number, entries: Iterable<WrittenEntry> = entriesOf(this.arena, this.usedBytes, header)): void {
    for (const { conversation, inboxes, copyAt } of entries) {
      const places = this.#places.get(conversation)
      if (places === undefined) this.#places.set(conversation, [copyAt])
      else places.push(copyAt)
      const timeMs = this.view.getUint32(copyAt) * 2 ** 32 + this.view.getUint32(copyAt + 4)
      if (timeMs > this.highestMs) this.highestMs = timeMs
      for (const inbox of inboxes) this.#mark(inbox, conversation, Math.floor(timeMs / MARK_HOUR_MS))
      this.copies++
    }
    if (this.firstSeq === 0) {
      this.firstSeq = header.seq
      this.previousSeq = header.previous
    }
    this.lastSeq = header.seq
    this.usedBytes = end
  }

  /** Whether a record with so many bytes of entries fits behind what is there. */
  hasRoom(bytes: number): boolean {
    return this.usedBytes + RECORD_HEADER_BYTES + bytes <= this.arena.length
  }

  /** What each conversation has here: places of copies, in the order in which they came. */
  conversations(): Iterable<readonly [string, readonly number[]]> {
    return this.#places
  }

  /** Every mark that came with the copies. */
  * marks(): Iterable<{ readonly inbox: string; readonly conversation: string; readonly hour: number }> {
    for (const [inbox, marks] of this.#marks) for (const mark of marks) yield { inbox, ...mark }
  }

  /** The marks of one inbox. */
  marksOf(inbox: string): readonly { readonly conversation: string; readonly hour: number }[] {
    return this.#marks.get(inbox) ?? []
  }

  /** Places of the copies of a conversation, in the order in which they came. */
  placesOf(conversation: string): readonly number[] {
    return this.#places.get(conversation) ?? []
  }

  /** Position of the copy at `at`. */
  positionAt(at: number): Position {
    return readPosition(this.view, at)
  }

  /** The envelope of the copy at `at`, as a part of the arena. */
  envelopeAt(at: number): Buffer {
    const start = at + BUNDLED_HEADER_BYTES
    return this.arena.subarray(start, start + this.view.getUint32(at + POSITION_BYTES))
  }

  #mark(inbox: string, conversation: string, hour: number): void {
    const marks = this.#marks.get(inbox)
    if (marks === undefined) this.#marks.set(inbox, [{ conversation, hour }])
    else marks.push({ conversation, hour })
  }
}

/**
 * What LMDB gave and what lies in the journal, as one page in position order. `journalled` are all copies of the conversation behind `after` there; `stored`
 * are the first `limit` of LMDB, or all. A copy that was just moved lies in both places and is told once.
 */
export function mergedPage(stored: readonly StoredEnvelope[], journalled: readonly StoredEnvelope[], limit: number): readonly StoredEnvelope[] {
  if (journalled.length === 0) return stored
  const sorted = [...stored, ...journalled].sort((one, other) => comparePositions(one.position, other.position))
  return sorted.filter((copy, index) => {
    const before = sorted[index - 1]
    return before === undefined || comparePositions(before.position, copy.position) !== 0 || Buffer.compare(before.envelope, copy.envelope) !== 0
  }).slice(0, limit)
}
