import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

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
const HASH_BYTES = 32
const REFS_MAX = 4
/** Part of d1 that says that a cell is not ordinary. */
const EXOTIC = 8
/** A library reference: type 2 and the hash of the code, 264 bits (block.tlb). */
const LIBRARY = { type: 2, bits: 264 } as const
const MAGIC = [0xb5, 0xee, 0x9c, 0x72] as const

/** What CRC-32C makes of each byte, and of each byte with one, two and three zeros behind it: four bytes are taken in one step. */
const CRC_TABLES = [0, 1, 2, 3].map((zeros) => Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8 * (zeros + 1); bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78
  return crc
}))
const [CRC_0 = new Uint32Array(), CRC_1 = CRC_0, CRC_2 = CRC_0, CRC_3 = CRC_0] = CRC_TABLES

/** CRC-32C (Castagnoli), reflected, as the trailer of a bag of cells. */
export function crc32c(bytes: Uint8Array): number {
  let crc = -1
  let at = 0
  for (; at + 4 <= bytes.length; at += 4) {
    crc ^= (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
    crc = (CRC_3[crc & 0xff] ?? 0) ^ (CRC_2[(crc >>> 8) & 0xff] ?? 0) ^ (CRC_1[(crc >>> 16) & 0xff] ?? 0) ^ (CRC_0[crc >>> 24] ?? 0)
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (CRC_0[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  return ~crc >>> 0
}

/** Memory for the representation of one cell, which is hashed at once: more than 64 bytes for each cell would lie outside of the heap of V8. */
const REPRESENTATION_ROOM = new Uint8Array(2 + Math.ceil(BITS_MAX / 8) + REFS_MAX * (2 + HASH_BYTES))

/**
 * What the hash of a cell of level 0 is made of: descriptors d1 (references, 8 for an exotic cell) and d2 (half-bytes of data), data with a
 * one bit behind it where the last byte is not full, depths and hashes of the references. Good until the next call.
 */
function representation(data: Uint8Array, bits: number, refs: readonly TonCell[], isLibrary: boolean): Uint8Array {
  const bytes = REPRESENTATION_ROOM.subarray(0, 2 + data.length + refs.length * (2 + HASH_BYTES))
  bytes[0] = refs.length + (isLibrary ? EXOTIC : 0)
  bytes[1] = Math.floor(bits / 8) + Math.ceil(bits / 8)
  bytes.set(data, 2)
  let at = 2 + data.length
  if (bits % 8 !== 0) bytes[at - 1] = (bytes[at - 1] ?? 0) | (0x80 >> bits % 8)
  for (const { depth } of refs) {
    bytes[at++] = depth >> 8
    bytes[at++] = depth
  }
  for (const { hash } of refs) {
    bytes.set(hash, at)
    at += HASH_BYTES
  }
  return bytes
}

/**
 * A cell of its parts, with depth and hash (representation of a cell of level 0: descriptors, data, depths, hashes). `isLibrary` makes it
 * a library reference, `sha256` is one's own. Throws RangeError beyond a cell's bounds.
 */
export function makeTonCell(data: Uint8Array, bits: number, refs: readonly TonCell[], isLibrary = false, sha256: (bytes: Uint8Array) => Uint8Array = nobleSha256): TonCell {
  if (bits > BITS_MAX || refs.length > REFS_MAX || data.length !== Math.ceil(bits / 8)) throw new RangeError('no TON cell')
  const hash = sha256(representation(data, bits, refs, isLibrary))
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
