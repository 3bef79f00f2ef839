import { createHash } from 'node:crypto'
import type { Random } from '@evegram/protocol'
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'

/**
 * Repeatable randomness: xoroshiro128+ from a named seed. Every part of a world draws from a stream of its own, so that one more draw in one
 * part changes nothing in the others. Never for keys that are used outside of a simulation.
 */
export class SimRandom implements Random {
  readonly #name: string
  readonly #generator: ReturnType<typeof xoroshiro128plusFromState>

  constructor(name: string) {
    this.#name = name
    const digest = createHash('sha256').update(name).digest()
    // The generator must not start at zero; a digest of zeros does not happen.
    this.#generator = xoroshiro128plusFromState([digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), digest.readInt32LE(12)])
  }

  /** An independent stream: the same name gives the same stream, whatever was drawn here. */
  fork(name: string): SimRandom {
    return new SimRandom(`${this.#name}/${name}`)
  }

  /** A uniform number in [0, 1) with 32 bits. */
  unit(): number {
    return (this.#generator.next() >>> 0) / 2 ** 32
  }

  /** True with probability `probability`; one draw, whatever it is. */
  chance(probability: number): boolean {
    return this.unit() < probability
  }

  /** A uniform integer in [from, to]. */
  between(from: number, to: number): number {
    return from + Math.floor(this.unit() * (to - from + 1))
  }

  /** A number in [from, to): each doubling is equally likely, so small ones come often and large ones do come. Both > 0. */
  skewed(from: number, to: number): number {
    let doublings = 0
    for (let value = from * 2; value < to; value *= 2) doublings++
    // Multiplications by two are exact: the same on every machine, which a power function is not.
    let low = from
    for (let left = this.between(0, doublings); left > 0; left--) low *= 2
    return Math.min(to, low * (1 + this.unit()))
  }

  /** One of `choices`, which must not be empty. */
  pick<Choice>(choices: readonly Choice[]): Choice {
    const choice = choices[Math.floor(this.unit() * choices.length)]
    if (choice === undefined) throw new Error('nothing to pick from')
    return choice
  }

  /** One of `kinds` with the weight that it has of `total`, in the order given; `otherwise` when the weights leave something over. One draw. */
  kind<Kind extends string, Otherwise>(kinds: readonly Kind[], weights: Readonly<Record<Kind, number>>, otherwise: Otherwise, total = 1): Kind | Otherwise {
    let drawn = this.unit() * total
    for (const kind of kinds) {
      drawn -= weights[kind]
      if (drawn < 0) return kind
    }
    return otherwise
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += 4) {
      const word = this.#generator.next()
      for (let byte = 0; byte < 4 && offset + byte < length; byte++) bytes[offset + byte] = word >>> (8 * byte)
    }
    return bytes
  }
}
