import { secp256k1Signer } from '../../keys/secp256k1-signer.js'
import type { Signer } from '../signer.js'

/** A wallet of play money on a local Terra chain. Throws `invalid.argument` for a seed that is no key. */
export function terraPlaySigner(seed: Uint8Array): Signer {
  return secp256k1Signer(seed)
}
