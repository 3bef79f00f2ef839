import { EvegramError, utf8 } from '@evegram/protocol'
import { parseAddress, proofText, readOffchainMessage, type Network, type WalletProof } from '@evegram/protocol/proof'
import type { ProofRequest, Wallet } from '@evegram/sdk'
import { askWallet } from './declined.js'
import { isRecord, methodOf, type FoundWallet } from './found-wallet.js'

/** Programs that may announce themselves; a page that is flooded with them shows the first. */
const WALLETS_MAX = 32
const ICON_CHARS_MAX = 200_000
const SIGNATURE_BYTES = 64

/**
 * Wallets of the Wallet Standard (github.com/wallet-standard), which announce themselves by events of the window. `found` is called with all of them that sign for Solana, again whenever
 * one comes. Returns a function that ends it.
 */
export function watchSolanaWallets(found: (wallets: readonly FoundWallet[]) => void): () => void {
  const wallets = new Map<string, FoundWallet>()
  const register = (...announced: readonly unknown[]): (() => void) => {
    for (const one of announced) {
      const wallet = solanaWalletOf(one)
      if (wallet !== undefined && wallets.size < WALLETS_MAX) wallets.set(wallet.name, wallet)
    }
    found([...wallets.values()])
    return () => undefined
  }
  const onRegister = (event: Event): void => {
    // A wallet that loads after the page: its event brings a function that wants to be given `register`.
    if (event instanceof CustomEvent || 'detail' in event) methodOf(event, 'detail')?.({ register })
  }
  globalThis.addEventListener('wallet-standard:register-wallet', onRegister)
  globalThis.dispatchEvent(new CustomEvent('wallet-standard:app-ready', { detail: { register } }))
  return () => { globalThis.removeEventListener('wallet-standard:register-wallet', onRegister) }
}

function solanaWalletOf(announced: unknown): FoundWallet | undefined {
  if (!isRecord(announced) || typeof announced['name'] !== 'string' || !isRecord(announced['features']) || !Array.isArray(announced['chains'])) return undefined
  const { name, features, icon } = announced
  const [connect, sign] = [methodOf(features['standard:connect'], 'connect'), methodOf(features['solana:signMessage'], 'signMessage')]
  if (connect === undefined || sign === undefined || !announced['chains'].some((chain) => typeof chain === 'string' && chain.startsWith('solana:'))) return undefined
  return {
    name: name.slice(0, 64), chain: 'solana', ...(isHarmlessIcon(icon) ? { icon } : {}),
    connect: (network) => askWallet(async () => {
      const answer = await connect()
      const accounts: unknown = isRecord(answer) ? answer['accounts'] : undefined
      const account: unknown = Array.isArray(accounts) ? accounts[0] : undefined
      if (!isRecord(account) || typeof account['address'] !== 'string') throw new EvegramError('proof.wallet_unsupported', { operation: 'connect wallet' })
      return signerOf(account, account['address'], sign, network)
    }),
  }
}

function signerOf(account: unknown, printed: string, sign: (...args: readonly unknown[]) => unknown, network: Network): Wallet {
  const { walletId, address, chain } = parseAddress(printed, { network })
  const signProof = (request: ProofRequest): Promise<WalletProof> => askWallet(async () => {
    const claims = { ...request, walletId }
    const text = utf8(proofText(claims))
    const answers = await sign({ account, message: text })
    const answer: unknown = Array.isArray(answers) ? answers[0] : undefined
    const { signature, signedMessage } = isRecord(answer) ? answer : { signature: undefined, signedMessage: undefined }
    if (!(signature instanceof Uint8Array) || !(signedMessage instanceof Uint8Array) || signature.length !== SIGNATURE_BYTES) throw new EvegramError('proof.wallet_unsupported', { operation: 'sign with wallet' })
    const own = Uint8Array.from(signature)
    // Ledger devices sign an envelope around the text; everything else signs the text itself.
    if (sameBytes(signedMessage, text)) return { ...claims, form: 'siws', signature: own }
    const message = Uint8Array.from(signedMessage)
    if (readOffchainMessage(message) === undefined) throw new EvegramError('proof.wallet_unsupported', { operation: 'sign with wallet' })
    return { ...claims, form: 'solana-offchain', signedMessage: message, signature: own }
  })
  return { chain, walletId, address, signProof }
}

/** Only pictures that carry themselves: the page asks nobody for one. */
function isHarmlessIcon(icon: unknown): icon is string {
  return typeof icon === 'string' && icon.length <= ICON_CHARS_MAX && /^data:image\/(svg\+xml|png|webp|gif);base64,[A-Za-z0-9+/=]+$/.test(icon)
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at])
}
