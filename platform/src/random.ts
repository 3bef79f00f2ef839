import { randomFillSync } from 'node:crypto'
import type { Random } from '@evegram/protocol'

/** Randomness of the operating system, by node:crypto. */
export function systemRandom(): Random {
  return { bytes: (length) => randomFillSync(new Uint8Array(length)) }
}
