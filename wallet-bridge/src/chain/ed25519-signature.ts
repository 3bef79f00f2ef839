import { createPublicKey, verify } from 'node:crypto'
import { EvegramError } from '@evegram/protocol'
import type { Signer } from './signer.js'

/** Throws `invalid.argument` for a signer of another algorithm. */
export function requireEd25519(signer: Signer): void {
  if (signer.algorithm !== 'ed25519') throw new EvegramError('invalid.argument', { operation: 'sign payment', details: { problem: 'not a key of ed25519' } })
}

/**
 * The signature of a message. Throws `invalid.argument` for a signer of another algorithm, and `internal` when what the signer gave is no signature of its key:
 * bytes that cannot land would look like a payment in flight.
 */
export async function signWithEd25519(message: Uint8Array, signer: Signer): Promise<Uint8Array> {
  requireEd25519(signer)
  const signature = await signer.sign(message)
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(signer.publicKey).toString('base64url') }, format: 'jwk' })
  if (!verify(null, message, key, signature)) throw new EvegramError('internal', { operation: 'sign payment' })
  return signature
}
