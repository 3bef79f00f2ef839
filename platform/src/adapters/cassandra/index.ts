export {
  CASSANDRA_CONSISTENCIES, parseReplication, type CassandraConfig, type CassandraConsistency, type CassandraReplication,
} from './config.js'
export { CONNECT_WAIT_MS } from './connect.js'
export { mayBeApplied, type WriteOutcome } from './failures.js'
export { type Migration } from './migrations.js'
export { type CassandraQueries, type CassandraStatement, type ConditionalResult, type ReadOptions, type RequestOptions } from './queries.js'
export { type CassandraRow, type CassandraValue } from './row.js'
export { CassandraSession, QUEUED_MAX, READ_ROWS_MAX, type CassandraSessionParts } from './session.js'
