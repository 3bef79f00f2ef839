import { lockFolder, type FolderLock } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { PGliteDialect } from 'kysely-pglite-dialect'
import pg from 'pg'
import { CarefulPool } from './careful-pool.js'
import { openPgliteDirectory, openPgliteInMemory, snapshotOf } from './pglite-directory.js'

/** Connections of one process: one commits, the others read. */
export const CONNECTIONS_MAX = 8
/** Wait for a connection, and for the answer to one statement, before it counts as gone. */
export const STATEMENT_TIMEOUT_MS = 10_000
/** What the server itself allows, a little less: its refusal says more than silence. */
const SERVER_TIMEOUT_MS = 8_000

/** SQL that the stores of a ledger run on. */
export interface LedgerDatabase {
  readonly queries: Kysely<unknown>
  /** Ends it. Resolved = no connection is open and the folder is free. */
  close(): Promise<void>
}

/** PostgreSQL inside this process. */
export interface EmbeddedDatabase extends LedgerDatabase {
  /**
   * All that is committed, at one moment between two statements: a tar with gzip that {@link embeddedDatabase} begins from, in memory while it is made. What runs
   * meanwhile waits for it. Rejects when it cannot be read.
   */
  snapshot(): Promise<Uint8Array>
}

/**
 * A PostgreSQL server, by its URL. Nothing is connected yet. What it acknowledges is synced: `synchronous_commit` is set for each connection, and
 * {@link requireSyncedCommits} refuses a server that was told not to sync. With `idleSessionMs` the server ends a connection on which nothing was asked for so long.
 */
export function postgresDatabase(
  url: string, options: { readonly connectionsMax?: number; readonly statementTimeoutMs?: number; readonly idleSessionMs?: number } = {},
): LedgerDatabase {
  const { connectionsMax = CONNECTIONS_MAX, statementTimeoutMs = STATEMENT_TIMEOUT_MS, idleSessionMs } = options
  const pool = new pg.Pool({
    connectionString: url, max: connectionsMax, connectionTimeoutMillis: STATEMENT_TIMEOUT_MS, query_timeout: statementTimeoutMs,
    keepAlive: true, application_name: 'evegram-ledger',
    options: [
      'synchronous_commit=on', 'default_transaction_isolation=read\\ committed', `statement_timeout=${String(SERVER_TIMEOUT_MS)}`,
      `idle_in_transaction_session_timeout=${String(SERVER_TIMEOUT_MS)}`,
      ...(idleSessionMs === undefined ? [] : [`idle_session_timeout=${String(idleSessionMs)}`]),
    ].map((setting) => `-c ${setting}`).join(' '),
  })
  // A connection that breaks is replaced when one is asked for, and what ran on it fails by itself. Without these listeners the breaking of an idle one, or
  // of one between two statements of a transaction, would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => { client.on('error', () => undefined) })
  const queries = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: new CarefulPool(pool) }) })
  return { queries, close: () => queries.destroy() }
}

/**
 * PostgreSQL inside this process, in `folder`, which this process holds alone and whose files are its owner's alone: throws `conflict.data_in_use` while another one does. Without a folder it
 * is in memory. What it acknowledges outlives the process, but PGlite never syncs: a loss of power may take the newest commits, or damage it. With a snapshot an
 * empty folder begins with what was in that.
 */
export async function embeddedDatabase(folder?: string, options: { readonly snapshot?: Uint8Array } = {}): Promise<EmbeddedDatabase> {
  // Before PGlite looks at it: two of them on one directory destroy it.
  const lock: FolderLock | undefined = folder === undefined ? undefined : lockFolder(folder)
  try {
    const client = await (folder === undefined ? openPgliteInMemory(options.snapshot) : openPgliteDirectory(folder, options.snapshot))
    const queries = new Kysely<unknown>({ dialect: new PGliteDialect(client) })
    return {
      queries,
      snapshot: () => snapshotOf(client),
      close: async () => {
        await queries.destroy()
        // A dialect that was never used closes nothing.
        if (!client.closed) await client.close()
        lock?.release()
      },
    }
  } catch (cause) {
    lock?.release()
    throw new EvegramError('unavailable.store', { operation: 'open embedded ledger', cause })
  }
}

/** Throws `invalid.config` for a server that acknowledges what is not on its disk. */
export async function requireSyncedCommits(queries: Kysely<unknown>): Promise<void> {
  const { rows: [row] } = await sql<{ fsync: string }>`SELECT current_setting('fsync') AS fsync`.execute(queries)
  if (row?.fsync === 'on') return
  throw new EvegramError('invalid.config', { operation: 'open ledger', advice: 'This PostgreSQL acknowledges commits that are not on its disk: set fsync = on.' })
}
