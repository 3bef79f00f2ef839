/**
 * What may stand in a name and shows something else than is there: controls, marks and overrides of direction, joiners and fillers that have no width, separators of lines, halves of pairs, tags.
 * `\p{Cf}` has most of them.
 */
const MISLEADING = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\u034f\u2800]/gu
/** Not in the name of a file on any system. */
const FORBIDDEN = /[\\/:*?"<>|]/g
/** Names that mean something else on some systems. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i
const LENGTH_MAX = 120
/** Characters of the end that stay when a name is cut: of `report.final.tar.gz` what says what it is. */
const TAIL = 12

/** A name that a sender gave, without what misleads and as every system can keep it: what is shown, and what it is saved as. */
export function safeFileName(name: string): string {
  const plain = name.replace(MISLEADING, '').normalize('NFC').replace(FORBIDDEN, '_').replace(/\s+/g, ' ')
  // Hidden files, and ends that Windows drops: `photo.png.exe.` would be `photo.png.exe`.
  const visible = plain.replace(/^[. ]+/, '').replace(/[. ]+$/, '')
  if (visible === '') return 'file'
  return shortenedName(RESERVED.test(visible) ? `_${visible}` : visible, LENGTH_MAX)
}

/** A name of at most `max` characters, cut in the middle, so that its end still says what it is. */
export function shortenedName(name: string, max: number): string {
  const characters = [...name]
  if (characters.length <= max) return name
  const tail = Math.min(TAIL, max - 2)
  return `${characters.slice(0, max - tail - 1).join('')}…${characters.slice(-tail).join('')}`
}
