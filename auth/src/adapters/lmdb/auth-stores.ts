import type { RootDatabase } from 'lmdb'
import type { AuthStores } from '../../ports/auth-stores.js'
import { LmdbAccountStore } from './account-store.js'
import { lmdbNonceStore, NonceTable } from './nonce-store.js'
import { LmdbPrekeyStore } from './prekey-store.js'
import { LmdbSessionStore } from './session-store.js'

/** Named databases that these stores open: the environment's `maxDbs` must leave room for them. */
export const LMDB_AUTH_DATABASES = 6

/** All stores of auth in one environment, which the caller opens and closes. One process at a time may use it. */
export function lmdbAuthStores(environment: RootDatabase): AuthStores {
  const nonces = new NonceTable(environment)
  return {
    accounts: new LmdbAccountStore(environment, nonces),
    nonces: lmdbNonceStore(nonces),
    sessions: new LmdbSessionStore(environment),
    prekeys: new LmdbPrekeyStore(environment),
  }
}
