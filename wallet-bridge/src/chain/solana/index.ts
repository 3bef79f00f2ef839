export { parseSolanaAddress, SOL, SOLANA, solanaAddressOf, solanaToken } from './address.js'
export { PAST_BALANCE_SLOTS_MAX, SolanaChainAdapter, WATCH_SLOTS_MAX, type SolanaAdapterOptions } from './adapter.js'
export { solanaGenesisHash, type SolanaRpcOptions } from './rpc.js'
export { SolanaPlayDesk } from './play-desk.js'
