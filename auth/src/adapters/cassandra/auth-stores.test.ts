import { randomBytes } from 'node:crypto'
import { silentLogger, systemClock, systemRandom } from '@evegram/platform'
import type { CassandraSession } from '@evegram/platform/cassandra'
import { testKeyspace } from '@evegram/platform/testing'
import { afterAll, beforeAll } from 'vitest'
import { describeAccountStore } from '../../ports/account-store.contract.js'
import { describeNonceStore, type StoreSetup } from '../../ports/nonce-store.contract.js'
import { describePrekeyStore } from '../../ports/prekey-store.contract.js'
import { describeSecretStore } from '../../ports/secret-store.contract.js'
import { describeSessionStore } from '../../ports/session-store.contract.js'
import { cassandraAuthStores, openCassandraAuthStores, type CassandraAuthStores } from './auth-stores.js'

const keyspace = testKeyspace()
const secretsKey = Uint8Array.from(randomBytes(32))
let session: CassandraSession

beforeAll(async () => {
  session = await keyspace.connect()
  await cassandraAuthStores({ session, clock: systemClock(), log: silentLogger, secretsKey })
}, 60_000)
afterAll(async () => { await keyspace.drop() }, 60_000)

/** As another process opens them: nothing is remembered. */
function setupOf<Store>(pick: (stores: CassandraAuthStores) => Store): StoreSetup<Store> {
  const stores = openCassandraAuthStores({ session, clock: systemClock(), random: systemRandom(), log: silentLogger, secretsKey })
  return { store: pick(stores), reopen: async () => setupOf(pick), close: async () => undefined }
}

const fresh = <Store>(tables: readonly string[], pick: (stores: CassandraAuthStores) => Store) => async () => {
  await keyspace.truncate(...tables)
  return setupOf(pick)
}

describeNonceStore('Cassandra', fresh(['auth_nonces'], ({ nonces }) => nonces), 'by_itself')
describeAccountStore('Cassandra', fresh(['auth_accounts', 'auth_nonces', 'auth_wallets'], (stores) => stores))
describeSessionStore('Cassandra', fresh(['auth_sessions', 'auth_session_families'], ({ sessions }) => sessions), 'by_itself')
describePrekeyStore('Cassandra', fresh(['auth_prekeys'], ({ prekeys }) => prekeys))
describeSecretStore('Cassandra', fresh(['auth_secrets'], ({ secrets }) => secrets))
