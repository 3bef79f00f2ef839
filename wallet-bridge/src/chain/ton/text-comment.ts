import { beginCell, Cell, type Slice } from '@ton/core'
import { OPERATIONS } from './operations.js'

const BITS_PER_BYTE = 8
/** Cells of a text that are read: about 8 kB. What is longer is read to there. */
const CELLS_MAX = 64
/** Bytes of a cell. */
const CELL_BYTES = 127

/** The text of a comment (TEP-74: 32 zero bits, then a snake of bytes); undefined when it is none. */
export function readComment(payload: Slice): Uint8Array | undefined {
  if (payload.remainingBits < 32 || payload.preloadUint(32) !== OPERATIONS.comment) return undefined
  const chunks: Buffer[] = []
  let slice = payload.clone().skip(32)
  for (let cell = 0; cell < CELLS_MAX; cell++) {
    chunks.push(slice.loadBuffer(Math.floor(slice.remainingBits / BITS_PER_BYTE)))
    if (slice.remainingRefs === 0) break
    slice = slice.loadRef().beginParse(true)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/** The body of a comment of bytes; an empty cell for none. */
export function writeComment(text: Uint8Array | undefined): Cell {
  if (text === undefined) return new Cell()
  const bytes = Buffer.concat([Buffer.alloc(4), text])
  let tail: Cell | undefined
  for (let end = bytes.length; end > 0;) {
    const start = Math.floor((end - 1) / CELL_BYTES) * CELL_BYTES
    const builder = beginCell().storeBuffer(bytes.subarray(start, end))
    tail = (tail === undefined ? builder : builder.storeRef(tail)).endCell()
    end = start
  }
  return tail ?? new Cell()
}
