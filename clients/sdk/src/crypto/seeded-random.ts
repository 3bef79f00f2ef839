import { sha256 } from '@noble/hashes/sha2.js'
import { lengthPrefixed, uint64Of, type Random } from '@evegram/protocol'

/** Deterministic bytes: SHA-256 over a seed and a counter. For the self-test and for tests; never for keys that are used. */
export class SeededRandom implements Random {
  readonly #seed: string
  #block = 0
  /** Bytes drawn so far. */
  drawn = 0

  constructor(seed: string) {
    this.#seed = seed
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += 32) {
      bytes.set(sha256(lengthPrefixed(this.#seed, uint64Of(this.#block++))).subarray(0, length - offset), offset)
    }
    this.drawn += length
    return bytes
  }
}
