import type { Signer, SignatureAlgorithm } from '../chain/signer.js'
import { simulatedSigner } from '../chain/simulated/signer.js'
import { terraPlaySigner } from '../chain/terra/play-signer.js'

/** Bytes of a seed. */
export const SEED_BYTES = 32

/** A signer that keeps its key in the memory of this process, from a seed of 32 bytes. Throws `invalid.argument` for a seed that is no key. */
export function seedSigner(algorithm: SignatureAlgorithm, seed: Uint8Array): Signer {
  return algorithm === 'ed25519' ? simulatedSigner(seed) : terraPlaySigner(seed)
}
