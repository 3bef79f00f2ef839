import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '../bytes.js'

/** A TON cell of level 0: ordinary, or a library reference, which stands for code that is kept elsewhere. */
export interface TonCell {
  /** Data, the last byte filled with zero bits. */
  readonly data: Uint8Array
  /** Bits of data, 0 to 1,023. */
  readonly bits: number
  /** Up to 4 cells. */
  readonly refs: readonly TonCell[]
  /** Longest way down to a leaf. */
  readonly depth: number
  /** Representation hash, 32 bytes. */
  readonly hash: Uint8Array
}

/** Bounds of what is read: the largest known wallet state has 27 cells and less than 2 KiB. */
export const TON_BOC_BOUNDS = { bytesMax: 8_192, cellsMax: 128 } as const

const BITS_MAX = 1_023
const REFS_MAX = 4
/** Part of d1 that says that a cell is not ordinary. */
const EXOTIC = 8
/** A library reference: type 2 and the hash of the code, 264 bits (block.tlb). */
const LIBRARY = { type: 2, bits: 264 } as const
const MAGIC = [0xb5, 0xee, 0x9c, 0x72] as const

/** CRC-32C (Castagnoli), reflected, as the trailer of a bag of cells. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78
  }
  return (crc ^ 0xffffffff) >>> 0
}

/** Data as it is hashed and stored: a one bit and zeros complete a last byte that is not full. */
function completed(data: Uint8Array, bits: number): Uint8Array {
  if (bits % 8 === 0) return data
  const bytes = Uint8Array.from(data)
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) | (0x80 >> bits % 8)
  return bytes
}

/** Descriptors d1 (references, 8 for an exotic cell; level 0) and d2 (half-bytes of data). */
function descriptors(bits: number, references: number, isLibrary: boolean): Uint8Array {
  return Uint8Array.of(references + (isLibrary ? EXOTIC : 0), Math.floor(bits / 8) + Math.ceil(bits / 8))
}

/**
 * A cell of its parts, with depth and hash (representation of a cell of level 0: descriptors, data, depths, hashes). `isLibrary` makes it
 * a library reference. Throws RangeError beyond a cell's bounds.
 */
export function makeTonCell(data: Uint8Array, bits: number, refs: readonly TonCell[], isLibrary = false): TonCell {
  if (bits > BITS_MAX || refs.length > REFS_MAX || data.length !== Math.ceil(bits / 8)) throw new RangeError('no TON cell')
  const depths = refs.map((cell) => Uint8Array.of(cell.depth >> 8, cell.depth & 0xff))
  const hashes = refs.map((cell) => cell.hash)
  const hash = sha256(concatBytes(descriptors(bits, refs.length, isLibrary), completed(data, bits), ...depths, ...hashes))
  return { data, bits, refs, depth: refs.reduce((deepest, cell) => Math.max(deepest, cell.depth + 1), 0), hash }
}

/** A cell as stored: data without completion and the numbers of the cells that it refers to. */
interface StoredCell {
  readonly data: Uint8Array
  readonly bits: number
  readonly isLibrary: boolean
  readonly refs: readonly number[]
}

class BocFault extends Error {}

/** Reads big-endian numbers and bytes from front to back; every read checks that it stays inside. */
class BocReader {
  readonly #bytes: Uint8Array<ArrayBuffer>
  offset = 0

  constructor(bytes: Uint8Array) {
    // Once and for all: the slice of a Node Buffer would share the caller's bytes.
    this.#bytes = Uint8Array.from(bytes)
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    const end = this.offset + length
    if (end > this.#bytes.length) throw new BocFault('truncated')
    const taken = this.#bytes.slice(this.offset, end)
    this.offset = end
    return taken
  }

  uint(length: number): number {
    return this.take(length).reduce((value, byte) => value * 256 + byte, 0)
  }

  remaining(): number {
    return this.#bytes.length - this.offset
  }
}

function require(condition: boolean, fault: string): asserts condition {
  if (!condition) throw new BocFault(fault)
}

/** Bits of data that ends in a completion tag; such data has between 1 and 7 bits in its last byte. */
function untag(data: Uint8Array): { readonly data: Uint8Array; readonly bits: number } {
  const last = data[data.length - 1] ?? 0
  require((last & 0x7f) !== 0, 'completion tag')
  let zeros = 0
  while (((last >> zeros) & 1) === 0) zeros++
  const plain = Uint8Array.from(data)
  plain[plain.length - 1] = last & (last - 1)
  return { data: plain, bits: data.length * 8 - zeros - 1 }
}

function readCell(reader: BocReader, index: number, cells: number, indexBytes: number): StoredCell {
  const [first = 0, second = 0] = reader.take(2)
  // d1 = references + 8 exotic + 16 with hashes + 32 level: wallets' states have level 0 and no stored hashes.
  require(first <= REFS_MAX || first === EXOTIC, 'cell type')
  const isLibrary = first === EXOTIC
  const data = reader.take(Math.ceil(second / 2))
  const content = second % 2 === 0 ? { data, bits: data.length * 8 } : untag(data)
  require(!isLibrary || (content.bits === LIBRARY.bits && content.data[0] === LIBRARY.type), 'exotic cell')
  const refs = Array.from({ length: isLibrary ? 0 : first }, () => reader.uint(indexBytes))
  // Cells come before those that they refer to, so there are no loops.
  require(refs.every((ref) => ref > index && ref < cells), 'reference')
  require(content.bits <= BITS_MAX, 'cell size')
  return { ...content, isLibrary, refs }
}

function readStored(bytes: Uint8Array): readonly StoredCell[] {
  require(bytes.length <= TON_BOC_BOUNDS.bytesMax, 'size')
  const reader = new BocReader(bytes)
  require(MAGIC.every((byte) => reader.uint(1) === byte), 'magic')
  const flags = reader.uint(1)
  const [hasIndex, hasCrc, indexBytes] = [(flags & 0x80) !== 0, (flags & 0x40) !== 0, flags & 0x07]
  // Bits 0x20 (cache bits) and 0x18 (reserved) are not used for wallet states.
  require((flags & 0x38) === 0 && indexBytes >= 1 && indexBytes <= 4, 'flags')
  const offsetBytes = reader.uint(1)
  require(offsetBytes >= 1 && offsetBytes <= 4, 'flags')
  const [cells, roots, absent] = [reader.uint(indexBytes), reader.uint(indexBytes), reader.uint(indexBytes)]
  require(cells >= 1 && cells <= TON_BOC_BOUNDS.cellsMax && roots === 1 && absent === 0, 'counts')
  const cellBytes = reader.uint(offsetBytes)
  require(reader.uint(indexBytes) === 0, 'root')
  const ends = Array.from({ length: hasIndex ? cells : 0 }, () => reader.uint(offsetBytes))
  require(reader.remaining() === cellBytes + (hasCrc ? 4 : 0), 'length')
  const start = reader.offset
  const stored: StoredCell[] = []
  for (let index = 0; index < cells; index++) {
    stored.push(readCell(reader, index, cells, indexBytes))
    require(!hasIndex || ends[index] === reader.offset - start, 'index')
  }
  require(reader.offset - start === cellBytes, 'length')
  if (hasCrc) {
    const trailer = reader.take(4)
    require(new DataView(trailer.buffer).getUint32(0, true) === crc32c(bytes.subarray(0, bytes.length - 4)), 'checksum')
  }
  return stored
}

/**
 * Reads a bag of cells with one root, at most `TON_BOC_BOUNDS` large, and hashes it. Undefined for everything that is not exactly that:
 * other magics, exotic cells other than library references, levels, several roots, cells that nothing refers to, wrong checksums,
 * trailing bytes. Never throws; time and memory are linear in the bounds.
 */
export function readTonBoc(bytes: Uint8Array): TonCell | undefined {
  try {
    const stored = readStored(bytes)
    const referred = new Set(stored.flatMap((cell) => cell.refs))
    require(referred.size === stored.length - 1, 'unused cell')
    const made = new Map<number, TonCell>()
    // Backwards: what a cell refers to is made before it.
    for (const [index, cell] of [...stored.entries()].reverse()) {
      const refs = cell.refs.flatMap((ref) => made.get(ref) ?? [])
      made.set(index, makeTonCell(cell.data, cell.bits, refs, cell.isLibrary))
    }
    return made.get(0)
  } catch (fault) {
    if (fault instanceof BocFault) return undefined
    throw fault
  }
}
