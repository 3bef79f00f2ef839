/** The adapters of auth, for composition roots and tests: core code takes ports. */
export { fileSecretStore } from './files/secret-store.js'
export { LMDB_AUTH_DATABASES, lmdbAuthStores } from './lmdb/auth-stores.js'
export { temporaryEnvironment, type TemporaryEnvironment } from './lmdb/temporary-environment.js'
