import { describe, expect, it } from 'vitest'
import type { AuthStores } from '../../ports/auth-stores.js'
import { describeAccountStore } from '../../ports/account-store.contract.js'
import { describeNonceStore, type StoreSetup } from '../../ports/nonce-store.contract.js'
import { describePrekeyStore } from '../../ports/prekey-store.contract.js'
import { describeSessionStore } from '../../ports/session-store.contract.js'
import { LMDB_AUTH_SCHEMA, lmdbAuthStores } from './auth-stores.js'
import { temporaryEnvironment, type TemporaryEnvironment } from './temporary-environment.js'

function setupOf<Store>(opened: TemporaryEnvironment, pick: (stores: AuthStores) => Store): StoreSetup<Store> {
  return {
    store: pick(lmdbAuthStores(opened.environment)),
    reopen: async () => setupOf(await opened.reopen(), pick),
    close: () => opened.remove(),
  }
}

const fresh = <Store>(pick: (stores: AuthStores) => Store) => async () => setupOf(await temporaryEnvironment(), pick)

describeNonceStore('LMDB', fresh(({ nonces }) => nonces))
describeAccountStore('LMDB', fresh((stores) => stores))
describeSessionStore('LMDB', fresh(({ sessions }) => sessions))
describePrekeyStore('LMDB', fresh(({ prekeys }) => prekeys))

describe('lmdbAuthStores', () => {
  it('refuses what a newer version wrote, and opens what it wrote itself', async () => {
    const opened = await temporaryEnvironment()
    try {
      lmdbAuthStores(opened.environment)
      expect(() => lmdbAuthStores(opened.environment)).not.toThrow()
      opened.environment.openDB<number>({ name: 'auth-meta', encoding: 'msgpack' }).putSync('schema', LMDB_AUTH_SCHEMA + 1)
      expect(() => lmdbAuthStores(opened.environment)).toThrow('incompatible.schema')
    } finally {
      await opened.remove()
    }
  })
})
