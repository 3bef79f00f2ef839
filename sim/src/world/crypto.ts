import { createNodePrimitives } from '@evegram/platform'
import type { Random } from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import type { Signal } from '@evegram/sdk/parts'
import { loadRealSignal } from '../crypto/load-real-signal.js'
import { memoizedPrimitives } from '../crypto/memoized-primitives.js'
import { SimRandom } from '../kernel/random.js'
import { standInPrimitives } from '../crypto/stand-in-keys.js'
import { createStandInSignal } from '../crypto/stand-in-signal.js'

/** The cryptography of one world. */
export interface WorldCrypto {
  /** Signatures of wallets, devices and identities: what servers and peers verify with. */
  readonly primitives: ProofPrimitives
  signal(random: Random): Promise<Signal>
}

const nodePrimitives = createNodePrimitives()

const STAND_IN: WorldCrypto = {
  primitives: standInPrimitives(memoizedPrimitives(nodePrimitives)),
  signal: (random) => Promise.resolve(createStandInSignal(random)),
}

const REAL: WorldCrypto = { primitives: memoizedPrimitives(nodePrimitives), signal: loadRealSignal }

/** The cryptography called so. */
export function cryptoOf(name: 'stand-in' | 'real'): WorldCrypto {
  return name === 'real' ? REAL : STAND_IN
}

/** Loads what a closed world can no longer load. Once a process. */
export async function prepareCrypto(name: 'stand-in' | 'real'): Promise<void> {
  if (name === 'real') await loadRealSignal(new SimRandom('prepare'))
}
