import type Database from 'libsql'
import { EvegramError } from '@evegram/protocol'

/**
 * What takes a database from version N (index) to N + 1. Steps are only ever appended. One table for all: a row is found by
 * (table, key) in one tree whose order is byte order.
 */
const STEPS: readonly string[] = [
  'CREATE TABLE rows (tab TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tab, key)) STRICT, WITHOUT ROWID',
]

/** Version that this build writes. */
export const SCHEMA_VERSION = STEPS.length

/**
 * Brings an open database to {@link SCHEMA_VERSION}, all steps in one transaction. Throws `incompatible.schema` (details: `found`,
 * `supported`) for one that a newer version wrote; nothing is changed then.
 */
export function upgradeSchema(database: Database.Database): void {
  const found = versionOf(database)
  if (found === SCHEMA_VERSION) return
  database.exec(`BEGIN IMMEDIATE; ${STEPS.slice(found).join('; ')}; PRAGMA user_version = ${String(SCHEMA_VERSION)}; COMMIT`)
}

/** Whether a database was ever brought to some version. Throws `incompatible.schema` as {@link upgradeSchema} does; changes nothing. */
export function hasSchema(database: Database.Database): boolean {
  return versionOf(database) > 0
}

function versionOf(database: Database.Database): number {
  const row: unknown = database.prepare('PRAGMA user_version').get()
  const version: unknown = typeof row === 'object' && row !== null && 'user_version' in row ? row.user_version : undefined
  if (typeof version !== 'number') throw new TypeError('the database names no schema version')
  if (version > SCHEMA_VERSION) {
    throw new EvegramError('incompatible.schema', { operation: 'open store', details: { found: version, supported: SCHEMA_VERSION } })
  }
  return version
}
