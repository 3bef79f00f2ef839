export { parseTonAddress, TON, TONCOIN, tonJetton } from './address.js'
export { FINAL_AFTER, JETTONS_MAX, TonChainAdapter, validSecondsOf, WATCH_BLOCKS_MAX, type TonAdapterOptions } from './adapter.js'
export { tonInitHash, type TonRpcOptions } from './rpc.js'
export { TonPlayDesk } from './play-desk.js'
