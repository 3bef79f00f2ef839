import { hexOf } from './bytes.js'

/** Ids that are remembered, a power of two. A few megabytes when all are in use; more ids in turn are only slower. */
const ID_SLOTS = 32_768

/** Reads ids as they stand in messages. */
export interface IdReader {
  /** Lower-case hex of the 16 bytes at `at`, which must lie inside `bytes`. */
  hexAt(bytes: Uint8Array, at: number): string
}

/** Reads every id anew. */
export const ID_READER: IdReader = { hexAt: (bytes, at) => hexOf(bytes, at, at + 16) }

/**
 * Remembers the hex of the ids that were read last. A server reads the same ids again and again: this gives the same string each time, which costs no memory,
 * no collection of it, and no hash when a map is asked. Each id has one place, and two of the same place only cost what reading them anew costs.
 */
export class IdCache implements IdReader {
  readonly #words = new Int32Array(ID_SLOTS * 4)
  readonly #texts: (string | undefined)[] = new Array<string | undefined>(ID_SLOTS).fill(undefined)

  hexAt(bytes: Uint8Array, at: number): string {
    const [one, two, three, four] = [wordAt(bytes, at), wordAt(bytes, at + 4), wordAt(bytes, at + 8), wordAt(bytes, at + 12)]
    // Ids are hashes, or begin or end with bits of one: all words together tell them apart.
    const mixed = one ^ two ^ three ^ four
    const slot = (mixed ^ (mixed >>> 16)) & (ID_SLOTS - 1)
    const words = this.#words
    const first = slot * 4
    const known = this.#texts[slot]
    if (known !== undefined && words[first] === one && words[first + 1] === two && words[first + 2] === three && words[first + 3] === four) return known
    const text = hexOf(bytes, at, at + 16)
    words[first] = one
    words[first + 1] = two
    words[first + 2] = three
    words[first + 3] = four
    this.#texts[slot] = text
    return text
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
}
