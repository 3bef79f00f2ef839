import { VersionedTransaction, type Message } from '@solana/web3.js'
import { signWithEd25519 } from '../ed25519-signature.js'
import type { Signer } from '../signer.js'
import { base58Of } from './base58.js'

/** Signs a message that has one signer, and gives the wire bytes and the signature that they are known by. Rejects as {@link signWithEd25519}. */
export async function sealTransaction(message: Message, signer: Signer): Promise<{ readonly txid: string; readonly bytes: Uint8Array }> {
  const signature = await signWithEd25519(message.serialize(), signer)
  return { txid: base58Of(signature), bytes: new VersionedTransaction(message, [signature]).serialize() }
}
