export { createLocalPayer, type LocalPayer, type LocalPayment, type PayerFacts, type SignedLocalPayment } from './local-payer.js'
export { createLocalWallet, WALLET_SEED_BYTES, type LocalWallet, type LocalWalletOptions } from './local-wallet.js'
export type { SolanaForm } from './solana.js'
export type { ProofRequest, Wallet } from './wallet.js'
