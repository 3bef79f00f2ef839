/**
 * The parts under `createClient`, for programs that want one without the others: load generators, harnesses, other clients. Everything
 * here is checked as it is inside the client, but nothing keeps the pieces from being put together wrongly: applications use `createClient`.
 */
export { ACCOUNT_PREFIX, decodeAccountRow, type AccountRecord } from './account/account-row.js'
export { createAuthApi } from './api/http-auth-api.js'
export type {
  AuthApi, ClaimedHead, FetchedBundle, LogPage, PreKeyStatus, PreKeyUpload, ProofChallenge, SessionTokens, TokenSource, UploadedPreKey,
} from './api/auth-api.js'
export type { DeviceSigner } from './api/device-signer.js'
export { discoverServer } from './api/discover-server.js'
export type { DiscoveredServer } from './api/discovered-server.js'
export { dpopProof } from './api/dpop.js'
export { ServerClock } from './api/server-clock.js'
export {
  CHANNEL_GAP_PREFIX, CHANNEL_LOG_PREFIX, CHANNEL_PREFIX, decodeChannel, decodeChannelGap, decodeChannelLog, decodeChannelPostRow,
  type ChannelGap, type ChannelLogRow, type ChannelRow,
} from './core/channel-row.js'
export { decodeGroup, GROUP_PREFIX, type GroupRow } from './core/group-row.js'
export { decodeHandled, type Handled } from './core/handled.js'
export { decodeMessage, MESSAGE_PREFIX, messageRowKey } from './core/message-row.js'
export { CURSOR_KEY, decodeCursor } from './core/profile.js'
export { decodeReceipt, RECEIPT_PREFIX, type ReceiptRow } from './core/receipt-row.js'
export { generateDevice, signWithIdentity, signWithSigning, type DeviceKeys } from './crypto/device-keys.js'
export { noblePrimitives } from './crypto/noble-primitives.js'
export { generateOneTimePreKeys, rotateSignedPreKey, verifyBundle } from './crypto/prekeys.js'
export type { OneTimePreKey, PreKeyBundle, SignedPreKey } from './crypto/prekey-bundle.js'
export { synchronousPrimitives, type SignalPrimitives } from './crypto/primitives.js'
export type { KeyPair } from './crypto/primitives.js'
export { checkedPublicKey } from './crypto/public-key.js'
export { SeededRandom } from './crypto/seeded-random.js'
export { SessionCiphers } from './crypto/session-cipher.js'
export {
  parsePreKeyMessage, parseSessionMessage, PREKEY_MESSAGE, SESSION_MESSAGE, type ParsedPreKeyMessage, type ParsedSessionMessage, type SignalMessageType,
} from './crypto/signal-message.js'
export type { Signal } from './crypto/signal.js'
export { loadSignal } from './crypto/load-signal.js'
export { SignalRefusal } from './crypto/signal-refusal.js'
export { SESSION_LIMITS } from './crypto/signal-repairs.js'
export { MemorySignalState } from './crypto/stores.js'
export { SIGNAL_KEYS, type AttestedKeys, type SignalStores } from './crypto/stores.js'
export { openProfile, type OpenProfileOptions } from './open-profile.js'
export { decodeWaitingPost, WAITING_POST_PREFIX, type WaitingPost } from './sync/channel-outbox-row.js'
export { decodeChain, decodeOwnChain, OWN_CHAIN_PREFIX, RECEIVED_CHAIN_PREFIX, type ChainRow, type OwnChain } from './sync/chain-row.js'
export { GAP_PREFIX } from './sync/gap-row.js'
export { decodeOutbox, type OutboxRow } from './sync/outbox-row.js'
export { UNREAD_PREFIX } from './sync/unread-row.js'
export type { Connection, ConnectionEvent } from './transport/connection.js'
export { startDeviceLink } from './transport/device-link.js'
export type { Link, NetworkHints } from './transport/link.js'
export type { Socket, SocketEvents, SocketFactory } from './transport/socket.js'
export { createLocalWallet, type Wallet } from './wallets/index.js'
export { writeTonBoc } from './wallets/ton-state.js'
