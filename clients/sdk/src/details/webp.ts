import { exifOf, orientationOf, type Orientation } from './orientation.js'
import { bytesOf, isAt, type Part } from './parts.js'

/** Bytes before the first chunk, and before the data of a chunk: RFC 9649 sections 2.3 and 2.4. */
const HEADER_BYTES = 12
const CHUNK_BYTES = 8
/** Chunks that make the picture, section 2.7. */
const KEPT: readonly string[] = ['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP']
/** Flags of VP8X, section 2.7.1: there is Exif, there is XMP. */
const HAS_EXIF = 0x08
const HAS_XMP = 0x04
const EXIF_NAME = 'Exif\0\0'

/** A WebP without Exif, XMP and what no standard knows; the orientation stays. Undefined where it is not built as RFC 9649 says. */
export function plainWebp(bytes: Part): Part[] | undefined {
  if (!isAt(bytes, 0, 'RIFF') || !isAt(bytes, 8, 'WEBP')) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = CHUNK_BYTES + view.getUint32(4, true)
  if (length > bytes.length) return undefined
  const kept: Part[] = []
  let orientation: Orientation = 1
  let isPicture = false
  for (let at = HEADER_BYTES; at < length;) {
    if (at + CHUNK_BYTES > length) return undefined
    const size = view.getUint32(at + 4, true)
    // What is odd has a byte of padding behind it.
    const end = at + CHUNK_BYTES + size + (size & 1)
    if (at + CHUNK_BYTES + size > length) return undefined
    const type = String.fromCharCode(...bytes.subarray(at, at + 4))
    const data = bytes.subarray(at + CHUNK_BYTES, at + CHUNK_BYTES + size)
    if (type === 'EXIF') orientation = orientationOf(isAt(data, 0, EXIF_NAME) ? data.subarray(EXIF_NAME.length) : data)
    isPicture ||= type === 'VP8 ' || type === 'VP8L' || type === 'ANMF'
    if (KEPT.includes(type)) kept.push(chunkOf(type, data))
    at = end
  }
  if (!isPicture) return undefined
  // Without the chunk of flags there is no Exif that anybody reads.
  const flags = kept.find((chunk) => isAt(chunk, 0, 'VP8X'))
  if (flags !== undefined && flags.length > CHUNK_BYTES) {
    flags[CHUNK_BYTES] = ((flags[CHUNK_BYTES] ?? 0) & ~(HAS_EXIF | HAS_XMP)) | (orientation === 1 ? 0 : HAS_EXIF)
    if (orientation !== 1) kept.push(chunkOf('EXIF', exifOf(orientation)))
  }
  const header = new Uint8Array(HEADER_BYTES)
  header.set(bytesOf('RIFF'), 0)
  new DataView(header.buffer).setUint32(4, 4 + kept.reduce((sum, chunk) => sum + chunk.length, 0), true)
  header.set(bytesOf('WEBP'), 8)
  return [header, ...kept]
}

/** A chunk of its own: the flags in it are changed. */
function chunkOf(type: string, data: Part): Part {
  const chunk = new Uint8Array(CHUNK_BYTES + data.length + (data.length & 1))
  chunk.set(bytesOf(type), 0)
  new DataView(chunk.buffer).setUint32(4, data.length, true)
  chunk.set(data, CHUNK_BYTES)
  return chunk
}
