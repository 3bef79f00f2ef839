export { openCassandraEngineStore, type CassandraEngineStore, type CassandraEngineStoreParts } from './store.js'
