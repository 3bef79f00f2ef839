import { isAt } from './parts.js'

/** Bytes of the beginning of a file that {@link detailKind} looks at. */
export const KIND_BYTES = 16

/** What a file is, as far as it matters for its details. */
export type DetailKind = 'image/jpeg' | 'image/png' | 'image/webp' | 'video/mp4' | 'video/quicktime' | 'picture in boxes'

/** Major brands of ISO/IEC 14496-12 files that are pictures: HEIF (ISO/IEC 23008-12), AVIF, and raw pictures of Canon. */
const PICTURES: readonly string[] = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs', 'mif1', 'mif2', 'msf1', 'miaf', 'avif', 'avis', 'crx ']
/** Those that are sound alone: what they say of themselves is who plays what. */
const SOUND: readonly string[] = ['M4A ', 'M4B ', 'M4P ']
/** Longest box of brands that is taken for one: other files may have its name by accident. */
const BRANDS_BYTES_MAX = 4_096

/** What the bytes at the beginning of a file say it is; undefined for everything that is sent as it is. */
export function detailKind(head: Uint8Array): DetailKind | undefined {
  // As in media-kind.ts of the page, and QuickTime File Format, "Overview of QTFF": old films begin with their movie or their media.
  if (isAt(head, 0, '\xff\xd8\xff')) return 'image/jpeg'
  if (isAt(head, 0, '\x89PNG\r\n\x1a\n')) return 'image/png'
  if (isAt(head, 0, 'RIFF') && isAt(head, 8, 'WEBP')) return 'image/webp'
  if (head.length < KIND_BYTES) return undefined
  const length = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0)
  if (isAt(head, 4, 'ftyp') && length >= KIND_BYTES && length <= BRANDS_BYTES_MAX) {
    const brand = String.fromCharCode(...head.subarray(8, 12))
    if (PICTURES.includes(brand)) return 'picture in boxes'
    return SOUND.includes(brand) ? undefined : brand === 'qt  ' ? 'video/quicktime' : 'video/mp4'
  }
  const isOldFilm = (isAt(head, 4, 'moov') && isAt(head, 12, 'mvhd')) || (isAt(head, 4, 'wide') && length === 8 && isAt(head, 12, 'mdat'))
  return isOldFilm ? 'video/quicktime' : undefined
}
