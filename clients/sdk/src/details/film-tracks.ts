import { boxesIn, type Box } from './boxes.js'

/** Bytes of a file from one up to the one before another. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** Handlers of tracks that are seen or heard, ISO/IEC 14496-12 section 12. */
const KEPT: readonly string[] = ['vide', 'auxv', 'pict', 'soun']
/** Chunks of the tracks that are dropped: a film of an hour has some thousands. */
const CHUNKS_MAX = 1_000_000

/** Whether a track is picture or sound. */
export function isKeptTrack(bytes: Uint8Array, track: Box): boolean {
  const handler = inside(bytes, track, 'mdia', 'hdlr')
  // Behind version, flags, and a number.
  return handler !== undefined && handler.body + 12 <= handler.end && KEPT.includes(String.fromCharCode(...bytes.subarray(handler.body + 8, handler.body + 12)))
}

/** Where the samples of the other tracks of a film stand in its file; undefined where that cannot be told, or nothing would be left. `bytes` hold the box `moov`. */
export function droppedTracks(bytes: Uint8Array, { body, end }: Box): Range[] | undefined {
  const tracks = boxesIn(bytes, body, end)?.filter(({ type }) => type === 'trak') ?? []
  const others = tracks.filter((track) => !isKeptTrack(bytes, track))
  if (others.length === tracks.length) return undefined
  const found: Range[] = []
  for (const track of others) {
    const ranges = samplesOf(bytes, track)
    if (ranges === undefined || found.length + ranges.length > CHUNKS_MAX) return undefined
    for (const range of ranges) found.push(range)
  }
  return found
}

/** The chunks of a track: ISO/IEC 14496-12 sections 8.7.3 to 8.7.5. */
function samplesOf(bytes: Uint8Array, track: Box): Range[] | undefined {
  const tables = inside(bytes, track, 'mdia', 'minf', 'stbl')
  const [short, long, groups, sizes] = ['stco', 'co64', 'stsc', 'stsz'].map((type) => (tables === undefined ? undefined : childOf(bytes, tables, type)))
  const offsets = short ?? long
  if (offsets === undefined || groups === undefined || sizes === undefined) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const width = offsets === short ? 4 : 8
  const chunks = countOf(view, offsets, 4, width)
  const runs = countOf(view, groups, 4, 12)
  const size = sizes.body + 12 <= sizes.end ? view.getUint32(sizes.body + 4) : undefined
  const samples = size === undefined ? undefined : countOf(view, sizes, 8, size === 0 ? 4 : 0)
  if (chunks === undefined || runs === undefined || size === undefined || samples === undefined || chunks > CHUNKS_MAX) return undefined
  const ranges: Range[] = []
  let sample = 0
  for (let chunk = 0, run = 0; chunk < chunks; chunk++) {
    // A run begins with a chunk, numbered from 1, and holds until the next one.
    while (run + 1 < runs && view.getUint32(groups.body + 8 + 12 * (run + 1)) <= chunk + 1) run += 1
    if (run >= runs) return undefined
    const end = sample + view.getUint32(groups.body + 8 + 12 * run + 4)
    if (end > samples) return undefined
    let length = (end - sample) * size
    if (size === 0) for (; sample < end; sample++) length += view.getUint32(sizes.body + 12 + 4 * sample)
    sample = end
    const place = offsets.body + 8 + width * chunk
    const from = width === 4 ? view.getUint32(place) : Number(view.getBigUint64(place))
    if (length > 0) ranges.push({ from, to: from + length })
  }
  // A sample in no chunk would stay.
  return sample === samples ? ranges : undefined
}

/** The count of a table, `at` bytes behind the beginning of its box, whose entries are `width` bytes; undefined where they are not all there. */
function countOf(view: DataView, { body, end }: Box, at: number, width: number): number | undefined {
  if (body + at + 4 > end) return undefined
  const count = view.getUint32(body + at)
  return body + at + 4 + count * width <= end ? count : undefined
}

function inside(bytes: Uint8Array, box: Box, ...path: readonly string[]): Box | undefined {
  let found: Box | undefined = box
  for (const type of path) found = found === undefined ? undefined : childOf(bytes, found, type)
  return found
}

/** The only box of its type in another; undefined where there are none, or several: which one counts would be anybody's guess. */
function childOf(bytes: Uint8Array, { body, end }: Box, type: string): Box | undefined {
  const found = (boxesIn(bytes, body, end) ?? []).filter((box) => box.type === type)
  return found.length === 1 ? found[0] : undefined
}
