import { BUNDLED_HEADER_BYTES } from '../bundle.js'
import type { Generation } from './generation.js'
import { pageEnd, RECORD_HEADER_BYTES, writeEntry, writeRecordHeader, type JournalEntry, type RecordHeader, type WrittenEntry } from './record.js'

/** A record that is being made behind those of a generation, which takes it once it is durable. */
export class RecordDraft {
  readonly #generation: Generation
  readonly #written: WrittenEntry[] = []
  /** Where the next entry begins. */
  end: number

  constructor(generation: Generation) {
    this.#generation = generation
    this.end = generation.usedBytes + RECORD_HEADER_BYTES
  }

  /** Entries that were added. */
  get entries(): number {
    return this.#written.length
  }

  /** Adds an append. The caller has seen to it that there is room. */
  add(entry: JournalEntry): void {
    const { arena, view } = this.#generation
    const copyAt = writeEntry(arena, view, this.end, entry)
    this.#written.push({ conversation: entry.conversation, inboxes: entry.inboxes, copyAt })
    this.end = copyAt + BUNDLED_HEADER_BYTES + entry.envelope.length
  }

  /** Writes the header, and zeros to the end of the page; nothing more is added behind it. */
  finish(store: Uint8Array, { seq, previous }: Pick<RecordHeader, 'seq' | 'previous'>): RecordHeader {
    const { arena, usedBytes } = this.#generation
    arena.fill(0, this.end, pageEnd(this.end))
    const header = { seq, previous, bytes: this.end - usedBytes - RECORD_HEADER_BYTES, entries: this.#written.length }
    writeRecordHeader(arena, usedBytes, store, header)
    return header
  }

  /** What was added, as the generation takes it. */
  written(): Iterable<WrittenEntry> {
    return this.#written
  }
}
