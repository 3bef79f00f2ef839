export { LUNA, parseTerraAddress, TERRA, terraAddressOf, terraToken } from './address.js'
export { TerraChainAdapter, WATCH_BLOCKS_MAX, type TerraAdapterOptions } from './adapter.js'
export { terraPlaySigner } from './play-signer.js'
export type { TerraRpcOptions } from './rpc.js'
