import type { ProofPrimitives } from '@evegram/protocol/proof'
import { loadSodiumEd25519 } from './adapters/sodium/ed25519.js'
import { createNodePrimitives } from './node-primitives.js'

/**
 * As {@link createNodePrimitives}, with libsodium in front for Ed25519: for who checks signatures all the time, as the engine does for posts of channels. What
 * libsodium does not take is decided by OpenSSL, so the answers are the same, where libsodium is not at hand too; a signature that does not fit costs both.
 */
export function createServerPrimitives(keysMax?: number): ProofPrimitives {
  const node = createNodePrimitives(keysMax)
  const fits = loadSodiumEd25519()
  if (fits === undefined) return node
  return { ...node, ed25519Verify: (publicKey, message, signature) => fits(publicKey, message, signature) || node.ed25519Verify(publicKey, message, signature) }
}
