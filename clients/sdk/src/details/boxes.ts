/** A box of ISO/IEC 14496-12 section 4.2 (an atom of QuickTime), by places in its file. */
export interface Box {
  /** Four characters of one byte. */
  readonly type: string
  /** Its first byte, the first behind its header, and the first behind it. */
  readonly at: number
  readonly body: number
  readonly end: number
  /** It says that it goes on to the end of its file. */
  readonly isOpen: boolean
}

const HEAD_BYTES = 8
const LONG_HEAD_BYTES = 16
/** Boxes in a box. */
const INSIDE_MAX = 65_536

/** The box at `at` of a file, of whose bytes `head` are those from there on; undefined where there is none that ends at `limit` or before it. */
export function boxHead(head: Uint8Array, at: number, limit: number): Box | undefined {
  if (head.length < HEAD_BYTES) return undefined
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const type = String.fromCharCode(...head.subarray(4, HEAD_BYTES))
  const said = view.getUint32(0)
  if (said === 0) return { type, at, body: at + HEAD_BYTES, end: limit, isOpen: true }
  if (said === 1 && head.length < LONG_HEAD_BYTES) return undefined
  const headBytes = said === 1 ? LONG_HEAD_BYTES : HEAD_BYTES
  // What is longer than numbers are exact is longer than any file.
  const length = said === 1 ? Number(view.getBigUint64(HEAD_BYTES)) : said
  return length < headBytes || at + length > limit ? undefined : { type, at, body: at + headBytes, end: at + length, isOpen: false }
}

/** The boxes that fill `bytes` from `from` up to `to`; zeros may end them, as QuickTime has it. Undefined where they do not. */
export function boxesIn(bytes: Uint8Array, from: number, to: number): Box[] | undefined {
  const boxes: Box[] = []
  for (let at = from; at < to;) {
    if (to - at < HEAD_BYTES && bytes.subarray(at, to).every((byte) => byte === 0)) return boxes
    const box = boxHead(bytes.subarray(at, Math.min(at + LONG_HEAD_BYTES, to)), at, to)
    if (box === undefined || box.isOpen || boxes.length >= INSIDE_MAX) return undefined
    boxes.push(box)
    at = box.end
  }
  return boxes
}
