import type { Signer, SignatureAlgorithm } from '../chain/signer.js'
import { ed25519Signer } from './ed25519-signer.js'
import { secp256k1Signer } from './secp256k1-signer.js'

/** Bytes of a seed. */
export const SEED_BYTES = 32

/** A signer that keeps its key in the memory of this process, from a seed of 32 bytes. Throws `invalid.argument` for a seed that is no key. */
export function seedSigner(algorithm: SignatureAlgorithm, seed: Uint8Array): Signer {
  return algorithm === 'ed25519' ? ed25519Signer(seed) : secp256k1Signer(seed)
}
