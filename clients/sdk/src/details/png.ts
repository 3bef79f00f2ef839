import { exifOf, orientationOf, type Orientation } from './orientation.js'
import { bytesOf, isAt, type Part } from './parts.js'

const SIGNATURE = '\x89PNG\r\n\x1a\n'
/** Length, type and checksum of a chunk. */
const AROUND_BYTES = 12
/** Chunks of PNG (third edition) that make the picture: its data, colours, shape and frames. Texts, times, Exif and what no standard knows go. */
const KEPT: readonly string[] = ['IHDR', 'PLTE', 'IDAT', 'IEND', 'tRNS', 'cHRM', 'gAMA', 'iCCP', 'sBIT', 'sRGB', 'cICP', 'mDCV', 'cLLI', 'bKGD', 'hIST', 'pHYs', 'sPLT', 'acTL', 'fcTL', 'fdAT']

/** A PNG without what does not belong to the picture, and without what stands behind its end; the orientation stays. Undefined where it is not built as the standard says. */
export function plainPng(bytes: Part): Part[] | undefined {
  if (!isAt(bytes, 0, SIGNATURE)) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept: Part[] = [bytes.subarray(0, SIGNATURE.length)]
  let orientation: Orientation = 1
  for (let at = SIGNATURE.length; at + AROUND_BYTES <= bytes.length;) {
    const end = at + AROUND_BYTES + view.getUint32(at)
    if (end > bytes.length) return undefined
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (kept.length === 1 && type !== 'IHDR') return undefined
    if (type === 'eXIf') orientation = orientationOf(bytes.subarray(at + 8, end - 4))
    if (KEPT.includes(type)) kept.push(bytes.subarray(at, end))
    // It may stand anywhere between the header and the end.
    if (type === 'IEND') return orientation === 1 ? kept : [...kept.slice(0, 2), chunkOf('eXIf', exifOf(orientation)), ...kept.slice(2)]
    at = end
  }
  return undefined
}

function chunkOf(type: string, data: Part): Part {
  const chunk = new Uint8Array(AROUND_BYTES + data.length)
  const view = new DataView(chunk.buffer)
  view.setUint32(0, data.length)
  chunk.set(bytesOf(type), 4)
  chunk.set(data, 8)
  view.setUint32(8 + data.length, crc32(chunk.subarray(4, 8 + data.length)))
  return chunk
}

/** Section 5.5, a checksum against accidents: one small chunk is worth no table. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * 0xedb88320)
  }
  return (crc ^ 0xffffffff) >>> 0
}
