import { createHash } from 'node:crypto'
import { EvegramError } from '@evegram/protocol'
import { sql, type Kysely } from 'kysely'

/** One step of the schema. Never change one that was released: append. */
export interface Migration {
  /** 1 for the first, then without a gap. */
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

/** Serialises processes that start together: any number that nobody else takes, `evegram` and the ledger in ASCII. */
const LOCK_KEY = '7310305890014097255'

/**
 * Brings the tables to the newest version of `migrations`, in one transaction: all of it or nothing. Processes that start together wait for each other.
 * Throws `incompatible.schema` for tables of a newer version, or when an applied migration was changed since.
 */
export async function migrate(database: Kysely<unknown>, migrations: readonly Migration[], nowMs: number): Promise<void> {
  if (!migrations.every(({ version }, index) => version === index + 1)) throw new EvegramError('invalid.argument', { operation: 'migrate ledger' })
  await database.transaction().execute(async (transaction) => {
    await sql`SELECT pg_advisory_xact_lock(${sql.raw(LOCK_KEY)})`.execute(transaction)
    await sql`CREATE TABLE IF NOT EXISTS ledger_migrations (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, at_ms bigint NOT NULL)`
      .execute(transaction)
    const applied = await readApplied(transaction)
    check(applied, migrations)
    for (const migration of migrations.slice(applied.length)) {
      for (const statement of migration.statements) await sql.raw(statement).execute(transaction)
      await sql`INSERT INTO ledger_migrations (version, name, checksum, at_ms)
        VALUES (${migration.version}, ${migration.name}, ${checksumOf(migration)}, ${String(nowMs)}::bigint)`.execute(transaction)
    }
  })
}

/** Throws `not_found.resource` when there are no tables, `incompatible.schema` when they are not those that `migrations` make. Changes nothing. */
export async function requireMigrated(database: Kysely<unknown>, migrations: readonly Migration[]): Promise<void> {
  const { rows: [table] } = await sql<{ there: boolean }>`SELECT to_regclass('ledger_migrations') IS NOT NULL AS there`.execute(database)
  if (table?.there !== true) throw new EvegramError('not_found.resource', { operation: 'open ledger', advice: 'There is no ledger in this database.' })
  const applied = await readApplied(database)
  check(applied, migrations)
  if (applied.length === migrations.length) return
  throw new EvegramError('incompatible.schema', {
    operation: 'open ledger', details: { version: applied.length, supported: migrations.length },
    advice: `The ledger has schema version ${String(applied.length)}, this program needs ${String(migrations.length)}: start the wallet bridge once, which upgrades it.`,
  })
}

interface Applied {
  readonly version: number
  readonly checksum: string
}

async function readApplied(database: Kysely<unknown>): Promise<readonly Applied[]> {
  return (await sql<Applied>`SELECT version, checksum FROM ledger_migrations ORDER BY version`.execute(database)).rows
}

function check(applied: readonly Applied[], migrations: readonly Migration[]): void {
  const refuse = (version: number, advice: string): never => {
    throw new EvegramError('incompatible.schema', { operation: 'open ledger', details: { version, supported: migrations.length }, advice })
  }
  for (const [index, { version, checksum }] of applied.entries()) {
    const migration = migrations[index]
    if (migration === undefined || version !== migration.version) {
      refuse(version, `The ledger has schema version ${String(version)}, this program knows ${String(migrations.length)}: install the newer version, or restore a backup.`)
    } else if (checksum !== checksumOf(migration)) {
      refuse(version, `Migration ${String(version)} (${migration.name}) was changed after it was applied: use the program that wrote this ledger.`)
    }
  }
}

function checksumOf({ name, statements }: Migration): string {
  return createHash('sha256').update([name, ...statements].join('\0')).digest('hex')
}
