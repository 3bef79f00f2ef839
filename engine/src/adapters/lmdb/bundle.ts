import { POSITION_BYTES, readPosition, writePosition, type Position } from '@evegram/protocol'
import type { StoredEnvelope } from '../../ports/envelope-log.js'
import { KEY_OFFSETS, uint32At } from './keys.js'

/**
 * Bytes of a bundle at most: two pages of LMDB, whose first keeps 16 bytes for itself. In one page of its own or two it costs a tenth of what its copies cost
 * one by one; larger ones gain nothing more, and a reader of one copy reads them all.
 */
export const BUNDLE_BYTES_MAX = 8_176

const LENGTH_AT = POSITION_BYTES
const RECORD_HEADER_BYTES = LENGTH_AT + 4

/** Bytes that a copy takes in a bundle: its position, its length (u32), its envelope. */
export function bundledBytes(envelope: Uint8Array): number {
  return RECORD_HEADER_BYTES + envelope.length
}

/** Writes a copy at `offset` of a bundle whose bytes `view` shows too; returns the offset behind it. */
export function writeBundled(bundle: Uint8Array, view: DataView, offset: number, { position, envelope }: StoredEnvelope): number {
  writePosition(view, offset, position)
  view.setUint32(offset + LENGTH_AT, envelope.length)
  bundle.set(envelope, offset + RECORD_HEADER_BYTES)
  return offset + RECORD_HEADER_BYTES + envelope.length
}

/** The copies of a bundle, in position order; envelopes are parts of `bundle`. */
export function* copiesInBundle(bundle: Uint8Array): Generator<StoredEnvelope> {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  for (let offset = 0; offset < bundle.length;) {
    const start = offset + RECORD_HEADER_BYTES
    offset = start + view.getUint32(offset + LENGTH_AT)
    yield { position: readPosition(view, start - RECORD_HEADER_BYTES), envelope: bundle.subarray(start, offset) }
  }
}

/** Whether this key of the log is that of a bundle. */
export function isBundleKey(key: Uint8Array): boolean {
  return key.length === KEY_OFFSETS.log.bundleEnd
}

/** How many copies stand under this key of the log. */
export function copiesUnder(key: Uint8Array): number {
  return isBundleKey(key) ? uint32At(key, KEY_OFFSETS.log.count) : 1
}

/** Whether a copy at `next` may follow one at `last` in a bundle: later, and of the same millisecond. */
export function mayFollow(last: Position, next: Position): boolean {
  return next.timeMs === last.timeMs && (next.incarnation - last.incarnation || next.counter - last.counter) > 0
}
