import { createCipheriv, createHash, type Cipher } from 'node:crypto'

const BYTES_AT_ONCE = 65_536
const ZEROES = Buffer.alloc(BYTES_AT_ONCE)
const TWO_TO_32 = 2 ** 32

/** Numbers from 0 (included) to 1 (not), evenly distributed: the same seed gives the same numbers. A load generator draws two for every message, so they come from a cipher's key stream, many at once. */
export class SeededUniform {
  readonly #stream: Cipher
  #view = new DataView(new ArrayBuffer(0))
  #offset = 0

  constructor(seed: string) {
    this.#stream = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16))
  }

  /** The next number. */
  next(): number {
    if (this.#offset + 4 > this.#view.byteLength) {
      const bytes = this.#stream.update(ZEROES)
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      this.#offset = 0
    }
    const drawn = this.#view.getUint32(this.#offset) / TWO_TO_32
    this.#offset += 4
    return drawn
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }
}
