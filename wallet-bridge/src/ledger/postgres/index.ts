export { CONNECTIONS_MAX, embeddedDatabase, postgresDatabase, type LedgerDatabase } from './database.js'
export { scratchDatabase, type ScratchDatabase } from './scratch-database.js'
export { findPostgresLedger, openPostgresLedger, type PostgresLedgerParts, type PostgresLedgerStore } from './ledger-store.js'
export { PostgresStatementStore } from './statement-store.js'
