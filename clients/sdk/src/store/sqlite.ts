import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { EvegramError, isEvegramError } from '@evegram/protocol'
import { checkChanges } from './check-changes.js'
import type { LocalStore, StoreChange, StoreRange, StoreTable } from './local-store.js'
import { lockProfile, type ProfileLock } from './profile-lock.js'
import { hasSchema, upgradeSchema } from './sqlite-schema.js'

/** Name of the database inside a profile folder. */
export const STORE_FILE = 'store.db'

/** Commits that wait for the end of the tick; one more makes the group be written at once. */
const GROUP_COMMITS_MAX = 256

/** How long an owner waits for a reader without the lock, and such a reader for the owner. */
const READER_PATIENCE_MS = 2_000

interface WaitingCommit {
  readonly changes: readonly StoreChange[]
  readonly resolve: () => void
  readonly reject: (error: EvegramError) => void
}

/** Database settings: durable against power loss, deleted keys overwritten, one owner. */
const SETTINGS = [
  // The profile lock keeps other owners out; this is for a reader without it, which is done in a moment.
  `PRAGMA busy_timeout = ${String(READER_PATIENCE_MS)}`,
  'PRAGMA journal_mode = WAL',
  // Every commit is synced before it resolves; FULL alone gives that in WAL mode. Apple needs the second to reach the platter.
  'PRAGMA synchronous = FULL',
  'PRAGMA fullfsync = ON',
  // Used prekeys and old ratchet states are forgotten on disk too (the log keeps them until the next checkpoint).
  'PRAGMA secure_delete = ON',
  'PRAGMA temp_store = MEMORY',
  'PRAGMA trusted_schema = OFF',
]

/**
 * A {@link LocalStore} on SQLite (libsql), for Node. Calls are synchronous underneath: what one tick of the event loop commits is
 * written as one transaction with one sync, in the order of the calls, and each commit is in it whole or not at all.
 */
class SqliteStore implements LocalStore {
  readonly #database: Database.Database
  readonly #lock: ProfileLock
  readonly #get: Database.Statement
  readonly #put: Database.Statement
  readonly #remove: Database.Statement
  readonly #lists = new Map<string, Database.Statement>()
  #waiting: WaitingCommit[] = []
  #closed = false

  constructor(database: Database.Database, lock: ProfileLock) {
    this.#database = database
    this.#lock = lock
    this.#get = database.prepare('SELECT value FROM rows WHERE tab = ? AND key = ?')
    this.#put = database.prepare(
      'INSERT INTO rows (tab, key, value) VALUES (?, ?, ?) ON CONFLICT (tab, key) DO UPDATE SET value = excluded.value',
    )
    this.#remove = database.prepare('DELETE FROM rows WHERE tab = ? AND key = ?')
  }

  async get(table: StoreTable, key: string): Promise<Uint8Array | undefined> {
    return this.#attempt('read row', () => {
      const row = this.#get.get(table, key)
      return row === undefined ? undefined : readRow(row).value
    })
  }

  async list(table: StoreTable, range: StoreRange): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    return this.#attempt('list rows', () => {
      const bounds = [...(range.from === undefined ? [] : [range.from]), ...(range.to === undefined ? [] : [range.to])]
      return this.#listStatement(range).all(table, ...bounds, Math.max(0, range.limit)).map(readRow)
    })
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    this.#refuseClosed('commit')
    checkChanges(changes)
    // Copied, because the caller may reuse its buffers before the tick ends.
    const copied = changes.map((change) => ({ ...change, value: change.value?.slice() }))
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ changes: copied, resolve, reject })
      if (this.#waiting.length >= GROUP_COMMITS_MAX) this.#flush()
      else if (this.#waiting.length === 1) setImmediate(() => { this.#flush() })
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      this.#database.close()
    } catch (cause) {
      throw new EvegramError('client.store', { operation: 'close store', cause })
    } finally {
      this.#lock.release()
    }
  }

  /** Writes the waiting commits as one transaction. A failure rejects all of them and leaves the store as it was. */
  #flush(): void {
    const group = this.#waiting
    if (group.length === 0) return
    this.#waiting = []
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      for (const { changes } of group) for (const change of changes) this.#write(change)
      this.#database.exec('COMMIT')
    } catch (cause) {
      this.#rollBack()
      const error = new EvegramError('client.store', { operation: 'commit', cause })
      for (const { reject } of group) reject(error)
      return
    }
    for (const { resolve } of group) resolve()
  }

  #write({ table, key, value }: StoreChange): void {
    if (value === undefined) this.#remove.run(table, key)
    else this.#put.run(table, key, value)
  }

  #rollBack(): void {
    try {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
    } catch {
      // SQLite has rolled back by itself (full disk, I/O error): nothing is open any more.
    }
  }

  #listStatement({ from, to, reverse }: StoreRange): Database.Statement {
    const bounds = `${from === undefined ? '' : ' AND key >= ?'}${to === undefined ? '' : ' AND key < ?'}`
    const sql = `SELECT key, value FROM rows WHERE tab = ?${bounds}`
      + ` ORDER BY key ${reverse === true ? 'DESC' : 'ASC'} LIMIT ?`
    const known = this.#lists.get(sql)
    if (known !== undefined) return known
    const made = this.#database.prepare(sql)
    this.#lists.set(sql, made)
    return made
  }

  #attempt<Result>(operation: string, action: () => Result): Result {
    this.#refuseClosed(operation)
    try {
      return action()
    } catch (cause) {
      throw new EvegramError('client.store', { operation, cause })
    }
  }

  #refuseClosed(operation: string): void {
    if (this.#closed) throw new EvegramError('client.store', { operation, advice: 'The store was closed.' })
  }
}

/** libsql answers a blob as a Buffer from `get` and as an ArrayBuffer from `all`. */
function readRow(row: unknown): { readonly key: string; readonly value: Uint8Array } {
  const { key, value }: { key?: unknown; value?: unknown } = typeof row === 'object' && row !== null ? row : {}
  const name = typeof key === 'string' ? key : ''
  if (value instanceof ArrayBuffer) return { key: name, value: new Uint8Array(value) }
  if (value instanceof Uint8Array) return { key: name, value: Uint8Array.from(value) }
  throw new TypeError('a row of the local store holds no bytes')
}

/**
 * Opens (or makes) the profile in the folder `directory`: `store.db` with mode 0600, a new folder with 0700. Synced commits
 * survive a crash of the process and of power. Rejects with `conflict.profile_in_use` (details: `pid`) while another process has
 * it open, `incompatible.schema` when a newer version wrote it, `client.store` when it cannot be opened.
 */
export async function openSqliteStore(directory: string): Promise<LocalStore> {
  let lock: ProfileLock | undefined
  let database: Database.Database | undefined
  try {
    const path = join(directory, STORE_FILE)
    prepareFolder(directory, path)
    lock = lockProfile(directory)
    // SQLite gives its log the mode of the database file.
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
    database = new Database(path)
    for (const setting of SETTINGS) database.exec(setting)
    upgradeSchema(database)
    return new SqliteStore(database, lock)
  } catch (cause) {
    database?.close()
    lock?.release()
    throw isEvegramError(cause) ? cause : new EvegramError('client.store', { operation: 'open store', cause })
  }
}

/**
 * Reads one row of a profile without taking its lock and without making anything, also while another process has it open.
 * Resolves with undefined where there is no profile or no such row. Rejects with `client.store`, `incompatible.schema`.
 */
export async function readStoredRow(directory: string, table: StoreTable, key: string): Promise<Uint8Array | undefined> {
  const path = join(directory, STORE_FILE)
  if (!existsSync(path)) return undefined
  let database: Database.Database | undefined
  try {
    database = new Database(path)
    database.exec(`PRAGMA busy_timeout = ${String(READER_PATIENCE_MS)}; PRAGMA query_only = ON`)
    // Made and not yet filled: the other process is at its first step.
    if (!hasSchema(database)) return undefined
    const row = database.prepare('SELECT value FROM rows WHERE tab = ? AND key = ?').get(table, key)
    return row === undefined ? undefined : readRow(row).value
  } catch (cause) {
    throw isEvegramError(cause) ? cause : new EvegramError('client.store', { operation: 'read row', cause })
  } finally {
    database?.close()
  }
}

/** Makes the folder for its owner alone. A folder that holds other things already keeps its mode: it may be someone's home. */
function prepareFolder(directory: string, path: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (existsSync(path) || readdirSync(directory).length === 0) chmodSync(directory, 0o700)
}
