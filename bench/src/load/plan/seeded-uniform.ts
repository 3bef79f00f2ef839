import { SeededRandom } from '@evegram/sdk/parts'

const BYTES_AT_ONCE = 1_024
const TWO_TO_32 = 2 ** 32

/** Numbers from 0 (included) to 1 (not), evenly distributed: the same seed gives the same numbers. */
export class SeededUniform {
  readonly #random: SeededRandom
  #view = new DataView(new ArrayBuffer(0))
  #offset = 0

  constructor(seed: string) {
    this.#random = new SeededRandom(seed)
  }

  /** The next number. */
  next(): number {
    if (this.#offset + 4 > this.#view.byteLength) {
      this.#view = new DataView(this.#random.bytes(BYTES_AT_ONCE).buffer)
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
