import type { AccountStore } from './account-store.js'
import type { NonceStore } from './nonce-store.js'
import type { PrekeyStore } from './prekey-store.js'
import type { SessionStore } from './session-store.js'

/** The four stores of auth. `accounts` and `nonces` share one set of used nonces. */
export interface AuthStores {
  readonly accounts: AccountStore
  readonly nonces: NonceStore
  readonly sessions: SessionStore
  readonly prekeys: PrekeyStore
}
