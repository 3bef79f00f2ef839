import { makeTonCell, type TonCell } from '@evegram/protocol/proof'

/** Collects the bits of a cell of TON, most significant first. */
export class BitWriter {
  readonly #bits: number[] = []

  uint(value: number, width: number): this {
    for (let bit = width - 1; bit >= 0; bit--) this.#bits.push(Math.floor(value / 2 ** bit) % 2)
    return this
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.uint(byte, 8)
    return this
  }

  /** All bits that another one has collected. */
  append(other: BitWriter): this {
    this.#bits.push(...other.#bits)
    return this
  }

  cell(...refs: readonly TonCell[]): TonCell {
    const data = new Uint8Array(Math.ceil(this.#bits.length / 8))
    this.#bits.forEach((bit, index) => {
      data[index >> 3] = (data[index >> 3] ?? 0) | (bit << (7 - (index & 7)))
    })
    return makeTonCell(data, this.#bits.length, refs)
  }
}
