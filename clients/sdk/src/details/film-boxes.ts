import { boxesIn, type Box } from './boxes.js'
import { isKeptTrack } from './film-tracks.js'

/** What is done with a box: it stays, its times or its name are overwritten, or it is looked into. */
type Rule = 'stays' | 'times' | 'name' | Rules
/** Boxes that belong to the film, by their type; all others in the same box are overwritten. */
interface Rules {
  readonly [type: string]: Rule | undefined
}

const all = (...types: readonly string[]): Rules => Object.fromEntries(types.map((type) => [type, 'stays']))

// ISO/IEC 14496-12 section 6.2.3 (table 1), and QuickTime File Format, "Movie Atoms" and "Track Atoms".
const TABLES = all('stsd', 'stts', 'ctts', 'cslg', 'stsc', 'stsz', 'stz2', 'stco', 'co64', 'stss', 'stps', 'stsh', 'padb', 'stdp', 'sdtp', 'sbgp', 'sgpd', 'subs', 'saiz', 'saio')
const MEDIA_INFORMATION: Rules = { ...all('vmhd', 'smhd', 'nmhd', 'gmhd', 'dinf'), hdlr: 'name', stbl: TABLES }
const MEDIA: Rules = { ...all('elng'), mdhd: 'times', hdlr: 'name', minf: MEDIA_INFORMATION }
const TRACK: Rules = { ...all('edts', 'tapt', 'trgr', 'clip', 'matt', 'load', 'imap'), tkhd: 'times', mdia: MEDIA }

/** Inside of `moov`. */
export const MOVIE: Rules = { ...all('mvex', 'iods', 'pssh', 'ctab', 'clip'), mvhd: 'times', trak: TRACK }
/** Inside of `moof`. */
export const FRAGMENT: Rules = { ...all('mfhd', 'pssh'), traf: all('tfhd', 'tfdt', 'trun', 'sdtp', 'sbgp', 'sgpd', 'subs', 'saiz', 'saio') }

/** Version, flags, a number, and what handles a track. Who made that and what it is called stand behind it. */
const HANDLER_BYTES = 12

/** Overwrites in `bytes` what does not belong to the film inside of a box, where it stands; false where that is not built as it must be. */
export function plainBoxes(bytes: Uint8Array, { body, end }: Box, rules: Rules): boolean {
  const boxes = boxesIn(bytes, body, end)
  return boxes?.every((box) => plainBox(bytes, box, Object.hasOwn(rules, box.type) ? rules[box.type] : undefined)) === true
}

function plainBox(bytes: Uint8Array, box: Box, rule: Rule | undefined): boolean {
  const { type, at, body, end } = box
  if (rule === undefined || (type === 'trak' && !isKeptTrack(bytes, box))) {
    bytes.set([0x66, 0x72, 0x65, 0x65], at + 4)
    bytes.fill(0, body, end)
    return true
  }
  if (rule === 'stays') return true
  if (rule === 'name') {
    if (body + HANDLER_BYTES > end) return false
    bytes.fill(0, body + HANDLER_BYTES, end)
    return true
  }
  if (rule !== 'times') return plainBoxes(bytes, box, rule)
  // Behind version and flags: two times of 32 bits, or in version 1 of 64.
  const timesEnd = body + 4 + (bytes[body] === 1 ? 16 : 8)
  if (timesEnd > end) return false
  bytes.fill(0, body + 4, timesEnd)
  return true
}
