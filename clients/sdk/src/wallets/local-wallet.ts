import { EvegramError } from '@evegram/protocol'
import type { Chain, Network, TonWalletKind } from '@evegram/protocol/proof'
import { createSolanaWallet, type SolanaForm } from './solana.js'
import { createTerraWallet } from './terra.js'
import { createTonWallet } from './ton.js'
import type { Wallet } from './wallet.js'

/** Bytes of the secret that a local wallet is made of. */
export const WALLET_SEED_BYTES = 32

/** A wallet that holds its key itself; for callers it is a wallet like any other. */
export type LocalWallet = Wallet

/** Choices of {@link createLocalWallet}. */
export interface LocalWalletOptions {
  /** Default `mainnet`. */
  readonly network?: Network
  /** Contract of a TON wallet, which decides its address. Default `v5r1`. */
  readonly tonWallet?: TonWalletKind
  /** How a Solana wallet signs. Default `siws`; the others are for devices that cannot, and for tests. */
  readonly solanaForm?: SolanaForm
}

/**
 * A wallet whose key is in this process: for the command line, bots and tests. `seed` is the Ed25519 seed (Solana, TON) or the
 * secp256k1 private key (Terra Classic), 32 bytes, and is copied. Throws `invalid.argument` for another length or, on Terra Classic,
 * a number that is no private key.
 */
export function createLocalWallet(chain: Chain, seed: Uint8Array, options: LocalWalletOptions = {}): LocalWallet {
  if (seed.length !== WALLET_SEED_BYTES) {
    throw new EvegramError('invalid.argument', { operation: 'create wallet', advice: 'A seed has 32 bytes.' })
  }
  const network = options.network ?? 'mainnet'
  switch (chain) {
    case 'solana': return createSolanaWallet(seed, network, options.solanaForm ?? 'siws')
    case 'ton': return createTonWallet(seed, network, options.tonWallet ?? 'v5r1')
    case 'terra': return createTerraWallet(seed, network)
  }
}
