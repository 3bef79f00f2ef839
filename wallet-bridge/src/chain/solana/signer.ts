import { createPublicKey, verify } from 'node:crypto'
import { VersionedTransaction, type Message } from '@solana/web3.js'
import { EvegramError } from '@evegram/protocol'
import type { Signer } from '../signer.js'
import { base58Of } from './base58.js'

/** Throws `invalid.argument` for a signer of another algorithm. */
export function requireEd25519(signer: Signer): void {
  if (signer.algorithm !== 'ed25519') throw new EvegramError('invalid.argument', { operation: 'sign for Solana' })
}

/**
 * Signs a message that has one signer, and gives the wire bytes and the signature that they are known by. Throws `internal` when what the signer gave is no
 * signature of its key: bytes that cannot land would look like a payment in flight.
 */
export async function sealTransaction(message: Message, signer: Signer): Promise<{ readonly txid: string; readonly bytes: Uint8Array }> {
  requireEd25519(signer)
  const signed = message.serialize()
  const signature = await signer.sign(signed)
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(signer.publicKey).toString('base64url') }, format: 'jwk' })
  if (!verify(null, signed, key, signature)) throw new EvegramError('internal', { operation: 'sign for Solana' })
  return { txid: base58Of(signature), bytes: new VersionedTransaction(message, [signature]).serialize() }
}
