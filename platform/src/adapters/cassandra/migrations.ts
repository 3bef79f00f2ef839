import { createHash } from 'node:crypto'
import { EvegramError, hexOf, sleep, type Clock, type Random } from '@evegram/protocol'
import type { Logger } from '../../log.js'
import type { CassandraQueries } from './queries.js'
import type { CassandraRow } from './row.js'

/** One step of a schema: its statements may run twice (`IF NOT EXISTS`). Never change one that was released: append. */
export interface Migration {
  /** 1 for the first, then without a gap. */
  readonly version: number
  readonly statements: readonly string[]
}

/** What migrating needs of a session. */
export interface SchemaSession extends Pick<CassandraQueries, 'readSerial' | 'conditional'> {
  readonly keyspace: string
  /** Runs a statement that changes the schema; resolved = all nodes that are up agree on it. */
  changeSchema(cql: string): Promise<void>
}

/** Parts around {@link migrateSchema}. */
export interface MigrationParts {
  readonly session: SchemaSession
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** How long a process waits for another one that migrates. */
export const MIGRATION_WAIT_MS = 120_000
const WAIT_STEP_MS = 500
/** Life of the lock of a process that died while it migrated; renewed with every statement. */
const LOCK_S = 60
/** A lock that is given back ends after this: rows are not deleted. */
const LOCK_RELEASE_S = 1

const VERSIONS_CQL = `CREATE TABLE IF NOT EXISTS schema_versions (
  service text PRIMARY KEY, version int, checksums text, holder text
) WITH ID = `
const READ_CQL = 'SELECT version, checksums, holder FROM schema_versions WHERE service = ?'
const LOCK_CQL = `UPDATE schema_versions USING TTL ${LOCK_S} SET holder = ? WHERE service = ? IF holder = null`
const RENEW_CQL = `UPDATE schema_versions USING TTL ${LOCK_S} SET holder = ? WHERE service = ? IF holder = ?`
const RELEASE_CQL = `UPDATE schema_versions USING TTL ${LOCK_RELEASE_S} SET holder = ? WHERE service = ? IF holder = ?`
const RAISE_CQL = 'UPDATE schema_versions SET version = ?, checksums = ? WHERE service = ? IF holder = ?'

interface Applied {
  readonly version: number
  readonly checksums: readonly string[]
  readonly holder: string | undefined
}

/**
 * Brings the tables of `service` to the newest version of `migrations`; processes that start together wait for the one that migrates. Throws
 * `incompatible.schema` for tables of a newer version or when an applied migration was changed, `unavailable.store` when it cannot be done now.
 */
export async function migrateSchema(parts: MigrationParts, service: string, migrations: readonly Migration[]): Promise<void> {
  if (!migrations.every(({ version }, index) => version === index + 1)) throw new EvegramError('invalid.argument', { operation: 'migrate schema' })
  const { session, clock, random, log } = parts
  await session.changeSchema(`${VERSIONS_CQL}${tableIdOf(session.keyspace)}`)
  const holder = hexOf(random.bytes(16))
  const untilMs = clock.monotonicMs() + MIGRATION_WAIT_MS
  for (let told = false; ;) {
    const applied = await readApplied(session, service)
    check(service, applied, migrations)
    if (applied.version === migrations.length) return
    if (applied.holder === undefined && (await session.conditional(LOCK_CQL, [holder, service])).applied) break
    if (clock.monotonicMs() > untilMs) throw new EvegramError('unavailable.store', { operation: 'wait for another process that migrates the schema' })
    if (!told) log.info({ service }, 'waiting for another process that migrates the schema')
    told = true
    await sleep(clock, WAIT_STEP_MS)
  }
  await applyAll(parts, service, migrations, holder)
}

async function applyAll({ session, log }: MigrationParts, service: string, migrations: readonly Migration[], holder: string): Promise<void> {
  // Read under the lock: the process that held it before may have gone further than was seen.
  const { version } = await readApplied(session, service)
  for (const migration of migrations.slice(version)) {
    for (const statement of migration.statements) {
      await held(session.conditional(RENEW_CQL, [holder, service, holder]))
      await session.changeSchema(statement)
    }
    const checksums = migrations.slice(0, migration.version).map(checksumOf).join(',')
    await held(session.conditional(RAISE_CQL, [migration.version, checksums, service, holder]))
    log.info({ service, version: migration.version }, 'migrated the schema')
  }
  await session.conditional(RELEASE_CQL, [holder, service, holder])
}

/** The lock is still ours. A process that lost it stops here: the next start goes on, as every statement may run twice. */
async function held(write: Promise<{ readonly applied: boolean }>): Promise<void> {
  if (!(await write).applied) throw new EvegramError('unavailable.store', { operation: 'hold the lock of the schema' })
}

async function readApplied(session: SchemaSession, service: string): Promise<Applied> {
  const [row] = await session.readSerial(READ_CQL, [service])
  const text = (read: CassandraRow | undefined, column: string): string | undefined => read?.has(column) === true ? read.text(column) : undefined
  return {
    version: row?.has('version') === true ? row.integer('version') : 0,
    checksums: text(row, 'checksums')?.split(',') ?? [],
    holder: text(row, 'holder'),
  }
}

function check(service: string, { version, checksums }: Applied, migrations: readonly Migration[]): void {
  if (version > migrations.length) {
    throw new EvegramError('incompatible.schema', {
      operation: 'open Cassandra tables', details: { service, stored: version, supported: migrations.length },
      advice: `The tables of ${service} have schema version ${version}, this program knows ${migrations.length}: install the newer version, or restore a backup.`,
    })
  }
  const changed = migrations.slice(0, version).find((migration, index) => checksumOf(migration) !== checksums[index])
  if (changed === undefined) return
  throw new EvegramError('incompatible.schema', {
    operation: 'open Cassandra tables', details: { service, version: changed.version },
    advice: `Migration ${changed.version} of ${service} was changed after it was applied: use the program that wrote these tables.`,
  })
}

function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.statements.join('\0')).digest('hex').slice(0, 16)
}

/**
 * The id of the table of versions, the same for every process: two that create it at the same moment on different nodes would otherwise make two
 * tables of one name, of which one is lost.
 */
function tableIdOf(keyspace: string): string {
  const hex = createHash('sha256').update(`evegram/schema-versions/v1\0${keyspace}`).digest('hex')
  // Cassandra takes a version 1 UUID for a table.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-1${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
