import type { Random } from '@evegram/protocol'
import { hardenSignal } from './harden-signal.js'
import { portablePrimitives, type SignalPrimitives } from './primitives.js'
import type { Signal } from './signal.js'
import { importLibrary } from './signal-library.js'
import { REPAIR_NAMES } from './signal-repairs.js'

/** What {@link loadSignal} needs. */
export interface SignalOptions {
  /** Source of every key. */
  readonly random: Random
  /**
   * Arithmetic; `portablePrimitives` when absent. Node programs pass the ones over node:crypto. With `synchronousPrimitives` and
   * a seeded `random` a whole run is deterministic: no call waits for anything but other calls.
   */
  readonly primitives?: SignalPrimitives
}

/**
 * The Signal library with every repair in place, after its self-test. Resolves once tampered messages, changed identities and
 * keys of low order were seen to be refused and an honest exchange went through; otherwise throws `e2ee.self_test`, whose
 * details name the check that failed, and nothing may be encrypted. Repairs: see signal-repairs.ts and SECURITY.md.
 */
export async function loadSignal(options: SignalOptions): Promise<Signal> {
  const { random, primitives = portablePrimitives } = options
  return hardenSignal(await importLibrary(), { random, primitives }, REPAIR_NAMES)
}
