import { exifOf, orientationOf, type Orientation } from './orientation.js'
import { bytesOf, isAt, type Part } from './parts.js'

/** Second bytes of markers, ITU T.81 table B.1. */
const SOI = 0xd8
const EOI = 0xd9
const SOS = 0xda
const APP0 = 0xe0
const APP1 = 0xe1
const APP2 = 0xe2
const APP14 = 0xee
const EXIF_NAME = 'Exif\0\0'
/** Length of a JFIF segment without a small picture in it. */
const JFIF_BYTES = 16

/**
 * A JPEG without what does not belong to the picture: Exif (place, time, camera), XMP, IPTC, comments, small pictures, and whatever stands behind its end, as films of some phones do. What is left are the very
 * bytes that were there: colours and quality stay, and so does the orientation. Undefined where it is not built as ITU T.81 says.
 */
export function plainJpeg(bytes: Part): Part[] | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== SOI) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept: Part[] = []
  let orientation: Orientation = 1
  let isScan = false
  let at = 2
  while (at + 1 < bytes.length) {
    if (bytes[at] !== 0xff) return undefined
    const marker = bytes[at + 1] ?? 0
    // Fill bytes, section B.1.1.2.
    if (marker === 0xff) {
      at += 1
      continue
    }
    if (marker === EOI) break
    if (at + 4 > bytes.length) return undefined
    const end = at + 2 + view.getUint16(at + 2)
    if (end > bytes.length || end < at + 4) return undefined
    if (marker === APP1 && isAt(bytes, at + 4, EXIF_NAME)) orientation = orientationOf(bytes.subarray(at + 4 + EXIF_NAME.length, end))
    const segment = plainSegment(bytes, marker, at, end)
    if (segment !== undefined) kept.push(segment)
    at = end
    if (marker !== SOS) continue
    isScan = true
    at = endOfScan(bytes, at)
    kept.push(bytes.subarray(end, at))
  }
  // One that was cut short is shown as far as it goes, and gets an end.
  return isScan ? [Uint8Array.of(0xff, SOI), ...headOf(kept, orientation), Uint8Array.of(0xff, EOI)] : undefined
}

/** What stays of a segment; undefined where nothing does. */
function plainSegment(bytes: Part, marker: number, at: number, end: number): Part | undefined {
  // JFIF (ITU T.871) 10.1: version, density, and a small picture, which goes.
  if (marker === APP0) return isAt(bytes, at + 4, 'JFIF\0') && end - at >= JFIF_BYTES + 2 ? joined([Uint8Array.of(0xff, APP0, 0, JFIF_BYTES), bytes.subarray(at + 4, at + JFIF_BYTES), Uint8Array.of(0, 0)]) : undefined
  if (marker === APP2) return isAt(bytes, at + 4, 'ICC_PROFILE\0') ? bytes.subarray(at, end) : undefined
  if (marker === APP14) return isAt(bytes, at + 4, 'Adobe') ? bytes.subarray(at, end) : undefined
  // Frames, tables and scans are the picture. APP1 to APP15 and comments say something about it.
  return marker >= 0xc0 && marker <= 0xdf ? bytes.subarray(at, end) : undefined
}

/** Where the coded data that begin at a place end: at a marker that is neither a stuffed byte nor a restart, section F.1.2.3. */
function endOfScan(bytes: Part, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1]
    if (next === undefined) break
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at
  }
  return bytes.length
}

/** The segments, with the orientation behind the first of them where it is told. */
function headOf(kept: readonly Part[], orientation: Orientation): Part[] {
  if (orientation === 1) return [...kept]
  const exif = exifOf(orientation)
  const length = 2 + EXIF_NAME.length + exif.length
  const segment = joined([Uint8Array.of(0xff, APP1, length >> 8, length & 0xff), bytesOf(EXIF_NAME), exif])
  // JFIF wants to be the first one.
  const place = kept[0]?.[1] === APP0 ? 1 : 0
  return [...kept.slice(0, place), segment, ...kept.slice(place)]
}

function joined(parts: readonly Part[]): Part {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
