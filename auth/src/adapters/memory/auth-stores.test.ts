import { describeAccountStore } from '../../ports/account-store.contract.js'
import type { AuthStores } from '../../ports/auth-stores.js'
import { describeNonceStore, type StoreSetup } from '../../ports/nonce-store.contract.js'
import { describePrekeyStore } from '../../ports/prekey-store.contract.js'
import { describeSecretStore } from '../../ports/secret-store.contract.js'
import { describeSessionStore } from '../../ports/session-store.contract.js'
import { memoryAuthData, memoryAuthStores, type MemoryAuthData } from './auth-stores.js'
import { memorySecretStore } from './secrets.js'

function setupOf<Store>(data: MemoryAuthData, pick: (stores: AuthStores) => Store): StoreSetup<Store> {
  return { store: pick(memoryAuthStores(data)), reopen: async () => setupOf(data, pick), close: async () => undefined }
}

const fresh = <Store>(pick: (stores: AuthStores) => Store) => async () => setupOf(memoryAuthData(), pick)

describeNonceStore('memory', fresh(({ nonces }) => nonces))
describeAccountStore('memory', fresh((stores) => stores))
describeSessionStore('memory', fresh(({ sessions }) => sessions))
describePrekeyStore('memory', fresh(({ prekeys }) => prekeys))
describeSecretStore('memory', async () => {
  const values = new Map<string, Uint8Array>()
  const setup = () => ({ store: memorySecretStore(values), reopen: async () => setup(), close: async () => undefined })
  return setup()
})
