/** What the page shows in place; everything else is offered to be saved. */
export const INLINE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'video/mp4'] as const
/** A media type that is shown in place. */
export type InlineType = (typeof INLINE_TYPES)[number]

/** Bytes of the beginning of a file that {@link sniffMedia} looks at. */
export const SNIFFED_BYTES = 16

/** Major brands of ISO/IEC 14496-12 files that browsers play as video/mp4. Others with the same box are pictures (avif, heic) or sound. */
const MP4_BRANDS: readonly string[] = ['isom', 'iso2', 'iso3', 'iso4', 'iso5', 'iso6', 'mp41', 'mp42', 'avc1', 'dash', 'MSNV', 'M4V ', 'mmp4']

/** What the bytes at the beginning of a file say it is; undefined for everything that is not shown in place. */
export function sniffMedia(head: Uint8Array): InlineType | undefined {
  // PNG (ISO/IEC 15948) section 5.2; GIF89a section 17; JPEG (ITU T.81) B.1.1.3; RFC 9649 section 2.4; ISO/IEC 14496-12 section 4.3.
  if (textAt(head, 0, 8) === '\x89PNG\r\n\x1a\n') return 'image/png'
  if (['GIF87a', 'GIF89a'].includes(textAt(head, 0, 6))) return 'image/gif'
  if (textAt(head, 0, 3) === '\xff\xd8\xff') return 'image/jpeg'
  if (textAt(head, 0, 4) === 'RIFF' && textAt(head, 8, 4) === 'WEBP') return 'image/webp'
  return textAt(head, 4, 4) === 'ftyp' && MP4_BRANDS.includes(textAt(head, 8, 4)) ? 'video/mp4' : undefined
}

/** Whether a type, as a sender says it, is one that is shown in place. */
export function isInlineType(type: string): type is InlineType {
  return INLINE_TYPES.some((known) => known === type)
}

/** The type to show a file as: where what its sender says and what its bytes say are the same, and one that is shown in place. Never what the sender says alone. */
export function shownType(said: string, head: Uint8Array): InlineType | undefined {
  const found = sniffMedia(head)
  return found === said ? found : undefined
}

/** Bytes as characters of the same numbers; fewer where they end. */
function textAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length))
}
