export { TonDevnet, type TonDevnetOptions } from './chain.js'
export { serveTonDevnet, type TonDevnetServer, type TonDevnetServerOptions } from './server.js'
