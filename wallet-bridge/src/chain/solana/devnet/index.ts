export { SolanaDevnet, type SolanaDevnetOptions } from './chain.js'
export { serveSolanaDevnet, type SolanaDevnetServer, type SolanaDevnetServerOptions } from './server.js'
