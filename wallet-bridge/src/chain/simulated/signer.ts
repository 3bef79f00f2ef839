import { ed25519Signer } from '../../keys/ed25519-signer.js'
import type { Signer } from '../signer.js'

/** A wallet of play money: on the simulated chain, and on local chains whose wallets sign with ed25519. Throws `invalid.argument` unless the seed is 32 bytes. */
export function simulatedSigner(seed: Uint8Array): Signer {
  return ed25519Signer(seed)
}
