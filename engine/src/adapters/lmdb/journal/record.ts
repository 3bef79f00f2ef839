import { crc32 } from 'node:zlib'
import { POSITION_BYTES, writePosition, type Position } from '@evegram/protocol'
import { BUNDLED_HEADER_BYTES } from '../bundle.js'
import { writeId } from '../keys.js'

/**
 * Records begin at multiples of this, and a write goes to the end of the last page: no later write touches a page that holds an acknowledged record, so that
 * one which is cut off by a loss of power takes nothing with it.
 */
export const PAGE_BYTES = 4_096
/** Bytes before the entries of a record. */
export const RECORD_HEADER_BYTES = 48
/** Bytes of a store's own random mark. */
export const STORE_ID_BYTES = 16

/** `EVJ1`: a record of the first format. */
const MAGIC = 0x4556_4a31
const AT = { magic: 0, store: 4, seq: 20, previous: 28, bytes: 36, entries: 40, checksum: 44 } as const
const ID_BYTES = 16
/** Conversation (16), number of inboxes (u16). */
const ENTRY_HEADER_BYTES = ID_BYTES + 2

/** What stands before the entries of a record. */
export interface RecordHeader {
  /** Number of the record: each that was tried has a higher one than all before it. */
  readonly seq: number
  /** Number of the durable record before it; those between were refused by the disk. 0 for the first of a store. */
  readonly previous: number
  /** Bytes of its entries. */
  readonly bytes: number
  readonly entries: number
}

/** Writes the header of a record whose entries stand in `arena` behind it. `store` is the random mark of the store: nobody else can write bytes that pass for a record. */
export function writeRecordHeader(arena: Buffer, at: number, store: Uint8Array, { seq, previous, bytes, entries }: RecordHeader): void {
  arena.writeUInt32BE(MAGIC, at + AT.magic)
  arena.set(store, at + AT.store)
  arena.writeBigUInt64BE(BigInt(seq), at + AT.seq)
  arena.writeBigUInt64BE(BigInt(previous), at + AT.previous)
  arena.writeUInt32BE(bytes, at + AT.bytes)
  arena.writeUInt32BE(entries, at + AT.entries)
  arena.writeUInt32BE(checksumOf(arena, at, bytes), at + AT.checksum)
}

/** The record at `at`, or undefined when there is no whole one of this store: the checksum is that of everything but itself. */
export function readRecordHeader(arena: Buffer, at: number, store: Uint8Array): RecordHeader | undefined {
  if (at + RECORD_HEADER_BYTES > arena.length || arena.readUInt32BE(at + AT.magic) !== MAGIC) return undefined
  if (arena.compare(store, 0, STORE_ID_BYTES, at + AT.store, at + AT.store + STORE_ID_BYTES) !== 0) return undefined
  const seq = Number(arena.readBigUInt64BE(at + AT.seq))
  const previous = Number(arena.readBigUInt64BE(at + AT.previous))
  const bytes = arena.readUInt32BE(at + AT.bytes)
  if (!Number.isSafeInteger(seq) || at + RECORD_HEADER_BYTES + bytes > arena.length) return undefined
  return arena.readUInt32BE(at + AT.checksum) === checksumOf(arena, at, bytes) ? { seq, previous, bytes, entries: arena.readUInt32BE(at + AT.entries) } : undefined
}

function checksumOf(arena: Buffer, at: number, bytes: number): number {
  const start = at + RECORD_HEADER_BYTES
  return crc32(arena.subarray(start, start + bytes), crc32(arena.subarray(at, at + AT.checksum)))
}

/** Where the page ends that `offset` lies in, or `offset` where one ends there. */
export function pageEnd(offset: number): number {
  return Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES
}

/** Bytes of an entry. */
export function entryBytes(envelopeBytes: number, inboxes: number): number {
  return ENTRY_HEADER_BYTES + inboxes * ID_BYTES + BUNDLED_HEADER_BYTES + envelopeBytes
}

/** One append, as it is written. */
export interface JournalEntry {
  readonly conversation: string
  /** Inboxes that are marked with it, see Marks: those that were not marked in this hour before. */
  readonly inboxes: readonly string[]
  readonly position: Position
  readonly envelope: Uint8Array
}

/** Writes an entry at `at`: conversation (16), number of inboxes (u16), inboxes (16 each), and the copy as it stands in a bundle. Returns where the copy stands. */
export function writeEntry(arena: Buffer, view: DataView, at: number, { conversation, inboxes, position, envelope }: JournalEntry): number {
  writeId(arena, at, conversation)
  arena.writeUInt16BE(inboxes.length, at + ID_BYTES)
  let offset = at + ENTRY_HEADER_BYTES
  for (const inbox of inboxes) {
    writeId(arena, offset, inbox)
    offset += ID_BYTES
  }
  writePosition(view, offset, position)
  view.setUint32(offset + POSITION_BYTES, envelope.length)
  arena.set(envelope, offset + BUNDLED_HEADER_BYTES)
  return offset
}

/** An entry that was written: where its copy stands, and who is marked. */
export interface WrittenEntry {
  readonly conversation: string
  readonly inboxes: readonly string[]
  readonly copyAt: number
}

/** The entries of a record that was found whole, in order. */
export function* entriesOf(arena: Buffer, at: number, { entries }: RecordHeader): Generator<WrittenEntry> {
  let offset = at + RECORD_HEADER_BYTES
  for (let entry = 0; entry < entries; entry++) {
    const conversation = arena.toString('hex', offset, offset + ID_BYTES)
    const count = arena.readUInt16BE(offset + ID_BYTES)
    const copyAt = offset + ENTRY_HEADER_BYTES + count * ID_BYTES
    const inboxes = Array.from({ length: count }, (_, index) => {
      const inboxAt = offset + ENTRY_HEADER_BYTES + index * ID_BYTES
      return arena.toString('hex', inboxAt, inboxAt + ID_BYTES)
    })
    yield { conversation, inboxes, copyAt }
    offset = copyAt + BUNDLED_HEADER_BYTES + arena.readUInt32BE(copyAt + POSITION_BYTES)
  }
}
