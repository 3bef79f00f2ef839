/**
 * The parts under `createClient`, for programs that want one without the others: load generators, harnesses, other clients. Everything
 * here is checked as it is inside the client, but nothing keeps the pieces from being put together wrongly: applications use `createClient`.
 */
export { createAuthApi } from './api/http-auth-api.js'
export type { AuthApi, FetchedBundle, PreKeyUpload, SessionTokens, TokenSource, UploadedPreKey } from './api/auth-api.js'
export type { DeviceSigner } from './api/device-signer.js'
export { discoverServer } from './api/discover-server.js'
export type { DiscoveredServer } from './api/discovered-server.js'
export { dpopProof } from './api/dpop.js'
export { generateDevice, signWithIdentity, signWithSigning, type DeviceKeys } from './crypto/device-keys.js'
export { noblePrimitives } from './crypto/noble-primitives.js'
export {
  generateOneTimePreKeys, rotateSignedPreKey, verifyBundle, type SignedPreKey,
} from './crypto/prekeys.js'
export { SessionCiphers } from './crypto/session-cipher.js'
export { loadSignal, type Signal } from './crypto/signal.js'
export { MemorySignalState } from './crypto/stores.js'
export { createLocalWallet, type Wallet } from './wallets/index.js'
export { writeTonBoc } from './wallets/ton-state.js'
