/**
 * The core of auth without its HTTP, for harnesses that run it on stores, clocks and networks of their own. Nothing here keeps the pieces
 * from being put together wrongly: servers use `createAuth`.
 */
export { Accounts, changeOf, type AccountChange, type AccountsOptions } from './accounts.js'
export {
  immediately, MemoryAccounts, memoryAuthData, memoryAuthStores, MemoryNonces, MemoryPrekeys, MemorySessions,
  type MemoryAuthData, type RunEffect,
} from './adapters/memory/auth-stores.js'
export type { AccessClaims, TokenAudience } from './access-token.js'
export { Challenges, nonceKey, type ChallengePurpose, type IssuedChallenge } from './challenge.js'
export type { AuthConfig } from './config.js'
export { thumbprintOf } from './key-thumbprint.js'
export type { AppendOutcome, AppendRequest, EntriesPage } from './ports/account-store.js'
export type { AuthStores } from './ports/auth-stores.js'
export type { Contacts } from './ports/contacts.js'
export { PREKEY_RULES, Prekeys, type PrekeyBundle, type PrekeysOptions, type PrekeyUpload } from './prekeys.js'
export { Sessions, type DpopRequest, type SessionRequest, type SessionRevocation, type SessionsOptions, type SessionTokens } from './sessions.js'
