import { ManualClock, systemRandom } from '@evegram/platform'
import { serviceAddresses } from '@evegram/platform/testing'
import { sql } from 'kysely'
import type { LedgerSubject } from '../ledger-store.contract.js'
import type { StatementSubject } from '../statement-store.contract.js'
import { embeddedDatabase, postgresDatabase, type LedgerDatabase } from './database.js'
import { PostgresRoutes } from './deposit-routes.js'
import { openPostgresLedger, type PostgresLedgerStore } from './ledger-store.js'
import { PostgresPayoutStore } from './payout-store.js'
import { PostgresCheckpoints } from './reconcile-checkpoints.js'
import { scratchDatabase } from './scratch-database.js'
import { PostgresStatementStore } from './statement-store.js'

/** A server that the ledgers of one test file share, one after the other. */
export interface LedgerServer {
  readonly synced: boolean
  /** What a process of its own would connect with. */
  connect(): Promise<LedgerDatabase>
  close(): Promise<void>
}

/** A database on the PostgreSQL that `npm test` or `npm run services` started. */
export async function postgresServer(): Promise<LedgerServer> {
  const scratch = await scratchDatabase(serviceAddresses('postgres')[0] ?? '')
  return { synced: true, connect: async () => postgresDatabase(scratch.url), close: () => scratch.drop() }
}

/** PGlite in memory: one instance, as there is never more than one. */
export async function embeddedServer(): Promise<LedgerServer> {
  const database = await embeddedDatabase()
  return { synced: false, connect: async () => ({ queries: database.queries, close: async () => undefined }), close: () => database.close() }
}

/** An empty ledger, with connections to what lies beside it, which end with it. */
export interface FreshLedger extends LedgerSubject {
  open(): Promise<PostgresLedgerStore>
  connect(): Promise<LedgerDatabase>
}

/** An empty ledger on `server`; what was there before is gone. */
export async function freshLedger(server: LedgerServer, clock: ManualClock = new ManualClock()): Promise<FreshLedger> {
  const opened: LedgerDatabase[] = []
  const connect = async (): Promise<LedgerDatabase> => {
    const database = await server.connect()
    opened.push(database)
    return database
  }
  const first = await connect()
  await sql`DROP SCHEMA public CASCADE`.execute(first.queries)
  await sql`CREATE SCHEMA public`.execute(first.queries)
  return {
    clock, connect,
    open: async () => openPostgresLedger({ database: await connect(), clock, random: systemRandom(), synced: server.synced }),
    close: async () => { for (const database of opened) await database.close() },
  }
}

/** An empty ledger on `server` with statements beside it. */
export async function freshStatements(server: LedgerServer): Promise<StatementSubject> {
  const subject = await freshLedger(server)
  const database = await server.connect()
  return {
    ledger: await subject.open(), statements: new PostgresStatementStore(database),
    close: async () => {
      await database.close()
      await subject.close()
    },
  }
}

/** All stores of the wallet bridge on `server`, empty. */
export async function freshStores(server: LedgerServer): Promise<
  { readonly ledger: PostgresLedgerStore; readonly payouts: PostgresPayoutStore; readonly routes: PostgresRoutes; readonly checkpoints: PostgresCheckpoints; close(): Promise<void> }
> {
  const subject = await freshLedger(server)
  const database = await server.connect()
  const ledger = await openPostgresLedger({ database, clock: new ManualClock(), random: systemRandom(), synced: server.synced })
  return {
    ledger,
    payouts: new PostgresPayoutStore(ledger, database), routes: new PostgresRoutes(database), checkpoints: new PostgresCheckpoints(database),
    close: async () => {
      await database.close()
      await subject.close()
    },
  }
}
