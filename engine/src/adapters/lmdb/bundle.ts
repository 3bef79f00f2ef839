import { POSITION_BYTES, readPosition } from '@evegram/protocol'
import type { StoredEnvelope } from '../../ports/envelope-log.js'
import { MARK_HOUR_MS } from '../../ports/marks.js'
import { KEY_OFFSETS, uint32At } from './keys.js'

/**
 * Bytes of a bundle at most: two pages of LMDB, whose first keeps 16 bytes for itself. In one page of its own or two it costs a tenth of what its copies cost
 * one by one; larger ones gain nothing more, and a reader of one copy reads them all.
 */
export const BUNDLE_BYTES_MAX = 8_176
/** Time from the first to the last copy of a bundle at most, in ms: so far behind what it has a reader looks for copies that come before it. */
export const BUNDLE_SPAN_MS = 100

const LENGTH_AT = POSITION_BYTES
/** Bytes before the envelope of a copy in a bundle: its position, and its length (u32). A copy in the journal looks the same. */
export const BUNDLED_HEADER_BYTES = LENGTH_AT + 4

/** Bytes of the copy at `at` in a bundle or in the journal. */
export function bundledBytes(view: DataView, at: number): number {
  return BUNDLED_HEADER_BYTES + view.getUint32(at + LENGTH_AT)
}

/** The copies of a bundle, in position order; envelopes are parts of `bundle`. */
export function* copiesInBundle(bundle: Uint8Array): Generator<StoredEnvelope> {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  for (let offset = 0; offset < bundle.length;) {
    const start = offset + BUNDLED_HEADER_BYTES
    offset = start + view.getUint32(offset + LENGTH_AT)
    yield { position: readPosition(view, start - BUNDLED_HEADER_BYTES), envelope: bundle.subarray(start, offset) }
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

/** Whether the copy at `next` may follow the one at `last` in a bundle that begins with the one at `first`: later, soon enough, and of the hour that is trimmed with it. */
export function mayFollow(view: DataView, { first, last }: { readonly first: number; readonly last: number }, next: number): boolean {
  const [firstMs, lastMs, nextMs] = [timeMsAt(view, first), timeMsAt(view, last), timeMsAt(view, next)]
  if (nextMs < lastMs || nextMs - firstMs > BUNDLE_SPAN_MS || Math.floor(nextMs / MARK_HOUR_MS) !== Math.floor(firstMs / MARK_HOUR_MS)) return false
  return nextMs > lastMs || (view.getUint32(next + 8) - view.getUint32(last + 8) || view.getUint32(next + 12) - view.getUint32(last + 12)) > 0
}

/** Time of the copy at `at`: its position begins with it. */
function timeMsAt(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
}
