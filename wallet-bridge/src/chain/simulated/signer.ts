import { createPublicKey, sign } from 'node:crypto'
import { ed25519KeyOfSeed } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import type { Signer } from '../signer.js'

/**
 * A signer of the simulated chain from a seed of 32 bytes, held in memory: for play money. The seed is in no property: neither JSON nor an inspection shows
 * it. Throws `invalid.argument` for another length.
 */
export function simulatedSigner(seed: Uint8Array): Signer {
  const key = ed25519KeyOfSeed(seed)
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  if (x === undefined) throw new EvegramError('internal', { operation: 'read public key' })
  const publicKey = new Uint8Array(Buffer.from(x, 'base64url'))
  return {
    algorithm: 'ed25519',
    publicKey,
    sign: async (message) => new Uint8Array(sign(null, message, key)),
  }
}
