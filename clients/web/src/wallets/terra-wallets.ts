import { EvegramError } from '@evegram/protocol'
import { chainFactsOf, parseAddress, proofText, type Network, type WalletProof } from '@evegram/protocol/proof'
import type { ProofRequest, Wallet } from '@evegram/sdk'
import { askWallet } from './declined.js'
import { isRecord, methodOf, type FoundWallet } from './found-wallet.js'

const KEY_BYTES = 33
const SIGNATURE_BYTES = 64

/** Wallets of Terra Classic that are in this browser: Keplr, and Station, which offers the same calls. */
export function terraWallets(): readonly FoundWallet[] {
  const station: unknown = Reflect.get(globalThis, 'station')
  const programs: readonly (readonly [string, unknown])[] = [['Keplr', Reflect.get(globalThis, 'keplr')], ['Station', isRecord(station) ? station['keplr'] : undefined]]
  return programs.flatMap(([name, program]) => (methodOf(program, 'signArbitrary') === undefined ? [] : [terraWalletOf(name, program)]))
}

function terraWalletOf(name: string, program: unknown): FoundWallet {
  return {
    name, chain: 'terra',
    connect: (network) => askWallet(async () => {
      const chain = chainFactsOf('terra', network).reference
      await methodOf(program, 'enable')?.(chain)
      const key = await methodOf(program, 'getKey')?.(chain)
      if (!isRecord(key) || typeof key['bech32Address'] !== 'string') throw new EvegramError('proof.wallet_unsupported', { operation: 'connect wallet' })
      return signerOf(program, chain, key['bech32Address'], network)
    }),
  }
}

function signerOf(program: unknown, chainReference: string, printed: string, network: Network): Wallet {
  const { walletId, address, chain } = parseAddress(printed, { network })
  const signProof = (request: ProofRequest): Promise<WalletProof> => askWallet(async () => {
    const claims = { ...request, walletId }
    // ADR-036: the wallet wraps the text into a document that is no transaction, and signs that.
    const answer = await methodOf(program, 'signArbitrary')?.(chainReference, address, proofText(claims))
    const publicKey = isRecord(answer) && isRecord(answer['pub_key']) ? bytesOf(answer['pub_key']['value'], KEY_BYTES) : undefined
    const signature = isRecord(answer) ? bytesOf(answer['signature'], SIGNATURE_BYTES) : undefined
    if (publicKey === undefined || signature === undefined) throw new EvegramError('proof.wallet_unsupported', { operation: 'sign with wallet' })
    return { ...claims, form: 'adr036', publicKey, signature }
  })
  return { chain, walletId, address, signProof }
}

function bytesOf(base64: unknown, length: number): Uint8Array | undefined {
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]+=*$/.test(base64)) return undefined
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return bytes.length === length ? bytes : undefined
}
