import { equalBytes } from '../bytes.js'
import { crc32c, makeTonCell, type TonCell } from './ton-cell.js'

/** Forms of states that are kept: wallets write a known contract in very few ways. At the bound the one not seen for longest goes. */
export const TON_STATE_SHAPES_MAX = 16
/** Byte of a bag of cells that says whether a checksum follows. */
const FLAGS_AT = 4
const HAS_CHECKSUM = 0x40
const CHECKSUM_BYTES = 4
/** Fewer bytes of data might stand in a bag of cells by chance. */
const PART_BYTES_MIN = 32

/** A bag of cells of code and data in which the place of the data is known: all others that differ there alone have the same code. */
interface Shape {
  readonly bytes: DataView
  readonly root: TonCell
  readonly code: TonCell
  readonly data: TonCell
  /** Where the bytes of the data cell stand. */
  readonly from: number
  readonly to: number
  /** The bits of its last byte that say how many bits there are, and what they say; 0 when all bytes are full. */
  readonly endMask: number
  readonly endMark: number
  /** The checksum lies behind it. */
  readonly end: number
  readonly hasChecksum: boolean
}

/**
 * Reads first states of wallets faster than `readTonBoc`: millions of wallets have the same code, and what was read once with another key
 * need not be taken apart and hashed again. What it answers is what `readTonBoc` would answer for the same bytes.
 */
export class TonStateShapes {
  /** The one that was seen last is the first. */
  #shapes: Shape[] = []

  /** How many forms are kept. */
  get size(): number {
    return this.#shapes.length
  }

  /** The root of a state of a remembered form, with its hash; undefined for all other bytes, which says nothing about them. */
  read(bytes: Uint8Array, sha256?: (bytes: Uint8Array) => Uint8Array): TonCell | undefined {
    const view = viewOf(bytes)
    const found = this.#shapes.findIndex((shape) => fits(view, shape))
    const shape = this.#shapes[found]
    if (shape === undefined || (shape.hasChecksum && view.getUint32(shape.end, true) !== crc32c(bytes.subarray(0, shape.end)))) return undefined
    if (found > 0) this.#shapes = [shape, ...this.#shapes.filter((other) => other !== shape)]
    const data = Uint8Array.from(shape.data.data)
    data.set(bytes.subarray(shape.from, shape.to))
    data[data.length - 1] = (data[data.length - 1] ?? 0) & ~shape.endMask
    return makeTonCell(shape.root.data, shape.root.bits, [shape.code, makeTonCell(data, shape.data.bits, [], false, sha256)], false, sha256)
  }

  /** Keeps the form of a state that `readTonBoc` read as `root`: of code, and data without references. Any other is not kept. */
  remember(bytes: Uint8Array, root: TonCell): void {
    const [code, data] = root.refs
    if (code === undefined || data === undefined || root.refs.length !== 2 || data.refs.length > 0) return
    const restBits = data.bits % 8
    const from = onlyPlaceOf(restBits === 0 ? data.data : data.data.subarray(0, -1), bytes)
    if (from === undefined) return
    const hasChecksum = ((bytes[FLAGS_AT] ?? 0) & HAS_CHECKSUM) !== 0
    const shape: Shape = {
      bytes: viewOf(Uint8Array.from(bytes)), root, code, data, from, to: from + data.data.length, hasChecksum, end: bytes.length - (hasChecksum ? CHECKSUM_BYTES : 0),
      endMask: restBits === 0 ? 0 : 0xff >> restBits, endMark: restBits === 0 ? 0 : 0x80 >> restBits,
    }
    if (this.#shapes.some((known) => fits(shape.bytes, known))) return
    this.#shapes = [shape, ...this.#shapes].slice(0, TON_STATE_SHAPES_MAX)
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function fits(bytes: DataView, shape: Shape): boolean {
  return bytes.byteLength === shape.bytes.byteLength && (bytes.getUint8(shape.to - 1) & shape.endMask) === shape.endMark &&
    equalBetween(bytes, shape.bytes, 0, shape.from) && equalBetween(bytes, shape.bytes, shape.to, shape.end)
}

/** Four bytes at a time: a state has several hundred. */
function equalBetween(left: DataView, right: DataView, from: number, to: number): boolean {
  let at = from
  for (; at + 4 <= to; at += 4) if (left.getUint32(at) !== right.getUint32(at)) return false
  for (; at < to; at++) if (left.getUint8(at) !== right.getUint8(at)) return false
  return true
}

/** Where `part` stands in `bytes`; undefined when it is too short to be told from chance, or there twice. */
function onlyPlaceOf(part: Uint8Array, bytes: Uint8Array): number | undefined {
  if (part.length < PART_BYTES_MIN) return undefined
  let found: number | undefined
  for (let at = 0; at + part.length <= bytes.length; at++) {
    // Most places differ in the first byte: no view is made of those.
    if (bytes[at] !== part[0] || !equalBytes(bytes.subarray(at, at + part.length), part)) continue
    if (found !== undefined) return undefined
    found = at
  }
  return found
}
