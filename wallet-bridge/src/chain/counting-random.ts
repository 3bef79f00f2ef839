import { createHash } from 'node:crypto'
import type { Random } from '@evegram/protocol'

/** Repeatable bytes that never come again: for tests and measurements alone. */
export function countingRandom(name: string): Random {
  let drawn = 0
  return { bytes: (length) => new Uint8Array(createHash('shake256', { outputLength: length }).update(`${name} ${String(drawn++)}`).digest()) }
}
