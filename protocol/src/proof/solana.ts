import { sha256 } from '@noble/hashes/sha2.js'
import { equalBytes, utf8 } from '../bytes.js'
import { verifyEd25519 } from './ed25519.js'
import { outcomeOf, refused, type ProofOutcome } from './outcome.js'
import type { ProofPrimitives } from './primitives.js'
import { readMemoMessage, readOffchainMessage } from './solana-message.js'

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** Sign-In With Solana: the signature of `key` (32 bytes) covers the text itself. */
export function verifySiws(key: Uint8Array, text: string, signature: Uint8Array, primitives: ProofPrimitives): ProofOutcome {
  return outcomeOf(verifyEd25519(primitives, key, utf8(text), signature))
}

/**
 * The text in an off-chain message envelope, as Ledger devices sign it. Order: envelope parses (`proof.malformed`), its application
 * domain is unset (`proof.domain`), it names `key` where it names a signer (`proof.address`), its message is the text (`proof.text`),
 * signature.
 */
export function verifyOffchainMessage(
  key: Uint8Array, text: string, signedMessage: Uint8Array, signature: Uint8Array, primitives: ProofPrimitives,
): ProofOutcome {
  const envelope = readOffchainMessage(signedMessage)
  if (envelope === undefined) return refused('proof.malformed', 'no off-chain message of version 0 with one signer')
  const { applicationDomain, signer } = envelope
  if (applicationDomain !== undefined && !isZero(applicationDomain)) return refused('proof.domain', 'application domain of the envelope')
  if (signer !== undefined && !equalBytes(signer, key)) return refused('proof.address', 'signer of the envelope')
  if (!equalBytes(envelope.message, utf8(text))) return refused('proof.text', 'message of the envelope')
  return outcomeOf(verifyEd25519(primitives, key, signedMessage, signature))
}

/**
 * A transaction that only carries the text as a memo and can never be executed: its blockhash is SHA-256 of the text, which no cluster
 * issued. Order: message parses (`proof.malformed`), `key` pays (`proof.address`), memo and blockhash fit the text (`proof.text`),
 * signature.
 */
export function verifyMemoTransaction(
  key: Uint8Array, text: string, signedMessage: Uint8Array, signature: Uint8Array, primitives: ProofPrimitives,
): ProofOutcome {
  const message = readMemoMessage(signedMessage)
  if (message === undefined) return refused('proof.malformed', 'no legacy message with one signer and one memo')
  if (!equalBytes(message.payer, key)) return refused('proof.address', 'signer of the transaction')
  const bytes = utf8(text)
  if (!equalBytes(message.memo, bytes)) return refused('proof.text', 'memo of the transaction')
  if (!equalBytes(message.blockhash, sha256(bytes))) return refused('proof.text', 'blockhash of the transaction')
  return outcomeOf(verifyEd25519(primitives, key, signedMessage, signature))
}
