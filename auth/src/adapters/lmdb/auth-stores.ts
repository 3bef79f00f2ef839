import { EvegramError } from '@evegram/protocol'
import type { RootDatabase } from 'lmdb'
import type { AuthStores } from '../../ports/auth-stores.js'
import { LmdbAccountStore } from './account-store.js'
import { lmdbNonceStore, NonceTable } from './nonce-store.js'
import { LmdbPrekeyStore } from './prekey-store.js'
import { LmdbSessionStore } from './session-store.js'

/** Named databases that these stores open: the environment's `maxDbs` must leave room for them. */
export const LMDB_AUTH_DATABASES = 7

/** Version of what these stores write. A change that old code cannot read raises it and upgrades in place when opened. */
export const LMDB_AUTH_SCHEMA = 1

/**
 * All stores of auth in one environment, which the caller opens and closes. One process at a time may use it.
 * Throws `incompatible.schema` when a newer version wrote it.
 */
export function lmdbAuthStores(environment: RootDatabase): AuthStores {
  claimSchema(environment)
  const nonces = new NonceTable(environment)
  return {
    accounts: new LmdbAccountStore(environment, nonces),
    nonces: lmdbNonceStore(nonces),
    sessions: new LmdbSessionStore(environment),
    prekeys: new LmdbPrekeyStore(environment),
  }
}

function claimSchema(environment: RootDatabase): void {
  const meta = environment.openDB<number>({ name: 'auth-meta', encoding: 'msgpack' })
  const found = meta.get('schema')
  if (found === undefined) meta.putSync('schema', LMDB_AUTH_SCHEMA)
  else if (found > LMDB_AUTH_SCHEMA) {
    throw new EvegramError('incompatible.schema', { operation: 'open account store', details: { found, supported: LMDB_AUTH_SCHEMA } })
  }
}
