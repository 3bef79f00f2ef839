import { boxHead, type Box } from './boxes.js'
import { FRAGMENT, MOVIE, plainBoxes } from './film-boxes.js'
import { droppedTracks, type Range } from './film-tracks.js'
import { zeros, type Part, type Piece } from './parts.js'
import type { SeekableFile } from './seekable-file.js'

/** Longest description of a film (`moov`, or `moof` of one of its fragments) that is looked through. */
export const HEAD_BYTES_MAX = 32 * 1_048_576
/** Boxes at the top of a film: fragments have two each. */
const BOXES_MAX = 100_000
/** The longest header of a box: length, type, and the length in 64 bits. */
const BOX_HEAD_BYTES_MAX = 16

/** Boxes at the top that are the film or say how to find something in it; all others are overwritten. */
const KEPT: readonly string[] = ['ftyp', 'styp', 'mdat', 'sidx', 'ssix', 'mfra', 'pdin']

/**
 * A film (ISO/IEC 14496-12, or QuickTime File Format) without what it says of itself: user data and metadata with place, device and date, XMP, the times of its headers, the names of its handlers, and tracks
 * that are neither picture nor sound, with their samples, as phones and drones write them for their place at every moment. All of that is overwritten where it stands, so the rest is found where it was, and is the
 * very same bytes. Undefined where it is not built so.
 */
export async function plainFilm(file: SeekableFile): Promise<Piece[] | undefined> {
  const top = await topBoxes(file)
  if (top === undefined || top.filter(({ type }) => type === 'moov').length !== 1) return undefined
  const plain = new Map<Box, Part>()
  let dropped: Range[] = []
  for (const box of top) {
    if (box.type !== 'moov' && box.type !== 'moof') continue
    if (box.end - box.at > HEAD_BYTES_MAX) return undefined
    const bytes = await file.read(box.at, box.end)
    const inside = { ...box, at: 0, body: box.body - box.at, end: bytes.length }
    if (box.type === 'moov') {
      const tracks = droppedTracks(bytes, inside)
      // Samples of a fragment are found in another way.
      if (tracks === undefined || (tracks.length > 0 && top.some(({ type }) => type === 'moof'))) return undefined
      dropped = tracks
    }
    if (!plainBoxes(bytes, inside, box.type === 'moov' ? MOVIE : FRAGMENT)) return undefined
    plain.set(box, bytes)
  }
  const holes = dropped.sort((left, right) => left.from - right.from)
  const media = top.filter(({ type }) => type === 'mdat')
  // What is overwritten is media of this file, and nothing else.
  if (holes.some(({ from, to }) => !media.some(({ body, end }) => body <= from && to <= end))) return undefined
  return top.flatMap((box) => piecesOf(box, plain.get(box), holes))
}

/** Pieces of a box at the top. */
function piecesOf(box: Box, plain: Part | undefined, holes: readonly Range[]): Piece[] {
  if (plain !== undefined) return [plain]
  if (!KEPT.includes(box.type)) return [...freeHead(box), ...zeros(box.end - box.body)]
  const pieces: Piece[] = []
  let at = box.at
  if (box.type === 'mdat') {
    for (const { from, to } of holes) {
      if (to <= at || from < box.body || to > box.end) continue
      const start = Math.max(at, from)
      if (start > at) pieces.push({ from: at, to: start })
      pieces.push(...zeros(to - start))
      at = to
    }
  }
  return at < box.end ? [...pieces, { from: at, to: box.end }] : pieces
}

/** The header of a box of nothing that takes the same room. */
function freeHead({ at, body, end, isOpen }: Box): Part[] {
  const head = new Uint8Array(body - at)
  const view = new DataView(head.buffer)
  head.set([0x66, 0x72, 0x65, 0x65], 4)
  if (head.length === BOX_HEAD_BYTES_MAX) {
    view.setUint32(0, 1)
    view.setBigUint64(8, BigInt(end - at))
  } else view.setUint32(0, isOpen ? 0 : end - at)
  return [head]
}

/** The boxes of a file, which fill it; undefined where they do not. */
async function topBoxes(file: SeekableFile): Promise<Box[] | undefined> {
  const boxes: Box[] = []
  for (let at = 0; at < file.size;) {
    const box = boxHead(await file.read(at, Math.min(at + BOX_HEAD_BYTES_MAX, file.size)), at, file.size)
    if (box === undefined || boxes.length >= BOXES_MAX) return undefined
    boxes.push(box)
    at = box.end
  }
  return boxes
}
