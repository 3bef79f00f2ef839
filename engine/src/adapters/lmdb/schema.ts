import { EvegramError, utf8 } from '@evegram/protocol'
import type { Databases } from './databases.js'

const SCHEMA_KEY = utf8('schema')

/** Brings the store from one version to the next, inside one transaction with the new version number. */
export type SchemaUpgrade = (databases: Databases) => void

/** `SCHEMA_UPGRADES[n]` leads from version n to n + 1; version 0 is an empty folder. Never change one that was released: append. */
export const SCHEMA_UPGRADES: readonly SchemaUpgrade[] = [
  // Version 1: the databases of keys.ts, all empty.
  () => undefined,
  // Version 2: groups. Nothing to convert; a program of version 1 would not understand their memberships.
  () => undefined,
  // Version 3: wide conversations. Nothing to convert, as none was wide; a program of version 2 would mark and read them as if none ever were.
  () => undefined,
  // Version 4: channels. Nothing to convert; a program of version 3 would take their memberships for those of groups.
  () => undefined,
  // Version 5: bundles of copies in the log. Nothing to convert, a copy may stand alone; a program of version 4 would take a bundle for an envelope.
  () => undefined,
  // Version 6: the journal beside LMDB. Nothing to convert; a program of version 5 would not look into it, and what was acknowledged last would be missing.
  () => undefined,
  // Version 7: bundles of more than one millisecond. Nothing to convert; a program of version 6 would end a page of the log before it saw what comes first.
  () => undefined,
]

/**
 * Upgrades the store in place to the newest version of `upgrades`, durably and as a whole, and returns that version.
 * Throws `incompatible.schema` for a store that a newer version of the product wrote; it is left untouched.
 */
export function upgradeSchema(databases: Databases, upgrades: readonly SchemaUpgrade[] = SCHEMA_UPGRADES): number {
  const stored = storedVersion(databases)
  if (stored > upgrades.length) {
    throw new EvegramError('incompatible.schema', {
      operation: 'open message store', details: { stored, supported: upgrades.length },
      advice: `The message store has schema version ${stored}, this program knows ${upgrades.length}: install the newer version, or restore a backup.`,
    })
  }
  if (stored < upgrades.length) {
    databases.root.transactionSync(() => {
      for (const upgrade of upgrades.slice(stored)) upgrade(databases)
      const version = new Uint8Array(4)
      new DataView(version.buffer).setUint32(0, upgrades.length)
      void databases.meta.put(SCHEMA_KEY, version)
    })
  }
  return upgrades.length
}

function storedVersion({ meta }: Databases): number {
  const value = meta.get(SCHEMA_KEY)
  return value === undefined ? 0 : new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0)
}
