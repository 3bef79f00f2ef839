import { utf8 } from '@evegram/protocol'
import {
  parseAddress, printTonAddress, proofText, TON_PROOF_PLACEHOLDER, tonProofDigest, tonProofPayload, tonSignDataDigest,
  type Network, type TonWalletKind, type WalletProof,
} from '@evegram/protocol/proof'
import { ed25519 } from '@noble/curves/ed25519.js'
import { tonWalletState, writeTonBoc } from './ton-state.js'
import type { ProofRequest, Wallet } from './wallet.js'

/**
 * A TON wallet from its Ed25519 seed of 32 bytes, in workchain 0. Adding a device is a `ton_proof`, as wallets give it when they
 * connect; every other purpose is `signData` of type text. It has no clock of its own and signs with the time of issue.
 * See `createLocalWallet`.
 */
export function createTonWallet(seed: Uint8Array, network: Network, kind: TonWalletKind): Wallet {
  const secret = Uint8Array.from(seed)
  const state = tonWalletState(kind, ed25519.getPublicKey(secret), network)
  const stateInit = writeTonBoc(state)
  const account = { workchain: 0, hash: state.hash }
  const { walletId, address, chain } = parseAddress(printTonAddress(account, network === 'testnet'), { network })

  const sign = (request: ProofRequest): WalletProof => {
    const claims = { ...request, walletId }
    const tonTimestamp = Math.floor(request.issuedAtMs / 1_000)
    const signed = { address: account, domain: request.domain, timestamp: tonTimestamp }
    const extra = { stateInit, tonTimestamp, tonDomainBytes: utf8(request.domain).length }
    if (request.purpose === 'add-device') {
      const text = proofText({ ...request, walletId: TON_PROOF_PLACEHOLDER, network })
      const digest = tonProofDigest({ ...signed, payload: tonProofPayload(text) })
      return { ...claims, ...extra, form: 'ton-proof', signature: ed25519.sign(digest, secret) }
    }
    const digest = tonSignDataDigest({ ...signed, payload: proofText(claims) })
    return { ...claims, ...extra, form: 'ton-sign-data', signature: ed25519.sign(digest, secret) }
  }

  // async so that a fault of the request rejects, as the port promises
  return { chain, walletId, address, signProof: async (request) => Promise.resolve(sign(request)) }
}
