import { EvegramError, utf8 } from '@evegram/protocol'
import { adr036SignBytes, cosmosAddressOf, parseAddress, proofText, type Network, type WalletProof } from '@evegram/protocol/proof'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { ProofRequest, Wallet } from './wallet.js'

/**
 * A Terra Classic wallet from its secp256k1 private key of 32 bytes. Throws `invalid.argument` for zero or a number beyond the group
 * order. See `createLocalWallet`.
 */
export function createTerraWallet(privateKey: Uint8Array, network: Network): Wallet {
  const secret = Uint8Array.from(privateKey)
  if (!secp256k1.utils.isValidSecretKey(secret)) {
    const advice = 'This number is no private key: choose another seed.'
    throw new EvegramError('invalid.argument', { operation: 'create wallet', advice })
  }
  const publicKey = secp256k1.getPublicKey(secret, true)
  const { walletId, address, chain } = parseAddress(cosmosAddressOf('terra', publicKey), { network })

  const sign = (request: ProofRequest): WalletProof => {
    const claims = { ...request, walletId }
    const signBytes = adr036SignBytes(address, utf8(proofText(claims)))
    const signature = secp256k1.sign(signBytes, secret, { prehash: true, lowS: true, format: 'compact' })
    return { ...claims, form: 'adr036', publicKey, signature }
  }

  // async so that a fault of the request rejects, as the port promises
  return { chain, walletId, address, signProof: async (request) => Promise.resolve(sign(request)) }
}
