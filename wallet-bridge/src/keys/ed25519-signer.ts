import { createPublicKey, sign } from 'node:crypto'
import { ed25519KeyOfSeed } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import type { Signer } from '../chain/signer.js'

/**
 * An ed25519 signer from a seed of 32 bytes, held in the memory of this process. The seed is in no property: neither JSON nor an inspection shows it. Throws
 * `invalid.argument` for another length.
 */
export function ed25519Signer(seed: Uint8Array): Signer {
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
