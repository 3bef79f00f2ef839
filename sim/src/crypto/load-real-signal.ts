import type { Random } from '@evegram/protocol'
import { loadSignal, synchronousPrimitives, type Signal } from '@evegram/sdk/parts'

/**
 * The product's own libsignal for one device, all its keys from `random` and all its arithmetic in JavaScript that answers at once: its
 * calls complete on promises alone, so that a run repeats. Call it before the world is closed: the first import of the library reads
 * files. The self-test runs at the first call of a process; later calls, one for each device, cost microseconds. The library still asks
 * `Date.now` at each ratchet step that closes a chain, and keeps nothing of the answer: a world that traps it cannot go on from there.
 */
export function loadRealSignal(random: Random): Promise<Signal> {
  return loadSignal({ random, primitives: synchronousPrimitives })
}
