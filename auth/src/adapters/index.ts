/** The adapters of auth, for composition roots and tests: core code takes ports. */
export { fileSecretStore } from './files/secret-store.js'
export { lmdbAuthStores } from './lmdb/auth-stores.js'
export { openAuthEnvironment } from './lmdb/open-environment.js'
export { temporaryEnvironment, type TemporaryEnvironment } from './lmdb/temporary-environment.js'
