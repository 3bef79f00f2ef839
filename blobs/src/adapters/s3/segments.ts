import { hexOf, type BlobId } from '@evegram/protocol'
import type { FoundObject } from './bucket.js'

/** A run of bytes of an upload, stored as an object of its own. */
export interface Segment {
  readonly key: string
  /** Where it begins in the blob. */
  readonly from: number
  readonly bytes: number
  readonly modifiedMs: number
}

/** Digits of a place in a name: names sort like places. */
const DIGITS = 12

/** What the names of all segments of an upload begin with. */
export function segmentsOf(blob: BlobId): string {
  return `uploads/${blob}/`
}

/** The name of the segment that begins at `from`. */
export function segmentKey(blob: BlobId, from: number): string {
  return `${segmentsOf(blob)}${String(from).padStart(DIGITS, '0')}`
}

/**
 * The segments that make the upload, from its beginning and without a gap, in order. What a segment before covers is left out (segments that were put together
 * begin where the first of them did), and so is what lies behind a gap.
 */
export function chainOf(found: readonly FoundObject[]): readonly Segment[] {
  const chain: Segment[] = []
  let end = 0
  const placed = found.flatMap(({ key, ...object }) => {
    const from = /\/(\d{12})$/.exec(key)?.[1]
    return from === undefined ? [] : [{ key, ...object, from: Number(from) }]
  })
  for (const segment of placed.sort((a, b) => a.from - b.from)) {
    if (segment.from !== end || segment.bytes === 0) continue
    chain.push(segment)
    end += segment.bytes
  }
  return chain
}

/** Where a chain ends. */
export function endOf(chain: readonly Segment[]): number {
  const last = chain.at(-1)
  return last === undefined ? 0 : last.from + last.bytes
}

/** Neighbours of a chain that can be put together: groups of two or more, each of at most `bytesMax`. */
export function groupsOf(chain: readonly Segment[], bytesMax: number): readonly (readonly Segment[])[] {
  const groups: Segment[][] = []
  let bytes = Infinity
  for (const segment of chain) {
    if (bytes + segment.bytes > bytesMax) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(segment)
    bytes += segment.bytes
  }
  return groups.filter(({ length }) => length > 1)
}

/** A digest as metadata of an object. */
export function digestText(digest: Uint8Array): string {
  return hexOf(digest)
}
