import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import type { NetworkFaults } from './network-faults.js'

/** What all connections of one network share. */
export interface Wire {
  readonly run: Run
  readonly random: SimRandom
  /** Looked at for every decision, so that faults can begin and end. */
  readonly faults: () => NetworkFaults
  /** Whether what machine `from` sends arrives at machine `to`. */
  readonly reaches: (from: string, to: string) => boolean
  /** Bytes that both kernels and the way between them take from a sender before anything waits in its socket. */
  readonly windowBytes: number
}

/** Close code of a connection that was lost without one. */
export const ABNORMAL_CLOSE = 1006

/** A time drawn from [from, to) ms, small ones more often. */
export function drawMs(random: SimRandom, [from, to]: readonly [number, number]): number {
  return random.skewed(from, to)
}
