import { utf8 } from '@evegram/protocol'
import { parseAddress, proofText, writeMemoMessage, writeOffchainMessage, type Network, type WalletProof } from '@evegram/protocol/proof'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { base58 } from '@scure/base'
import type { ProofRequest, Wallet } from './wallet.js'

/** How a Solana wallet signs: the text itself, or wrapped for hardware that signs nothing else. */
export type SolanaForm = Extract<WalletProof['form'], `s${string}`>

/** A Solana wallet from its Ed25519 seed of 32 bytes. See `createLocalWallet`. */
export function createSolanaWallet(seed: Uint8Array, network: Network, form: SolanaForm): Wallet {
  const secret = Uint8Array.from(seed)
  const key = ed25519.getPublicKey(secret)
  const { walletId, address, chain } = parseAddress(base58.encode(key), { network })

  const sign = (request: ProofRequest): WalletProof => {
    const claims = { ...request, walletId }
    const text = utf8(proofText(claims))
    if (form === 'siws') return { ...claims, form, signature: ed25519.sign(text, secret) }
    const signedMessage = form === 'solana-offchain' ? writeOffchainMessage(key, text) : writeMemoMessage(key, sha256(text), text)
    return { ...claims, form, signedMessage, signature: ed25519.sign(signedMessage, secret) }
  }

  // async so that a fault of the request rejects, as the port promises
  return { chain, walletId, address, signProof: async (request) => Promise.resolve(sign(request)) }
}
