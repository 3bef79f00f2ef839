export { createLocalWallet, WALLET_SEED_BYTES, type LocalWallet, type LocalWalletOptions } from './local-wallet.js'
export type { SolanaForm } from './solana.js'
export type { ProofRequest, Wallet } from './wallet.js'
