/** Auth on Cassandra: a path of its own, so that a process on embedded stores does not load the driver. */
export { cassandraAuthStores, type CassandraAuthOptions, type CassandraAuthStores } from './auth-stores.js'
