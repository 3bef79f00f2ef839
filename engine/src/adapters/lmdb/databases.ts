import type { Database, RootDatabase } from 'lmdb'

/** A database of binary keys and values. */
export type BinaryDatabase = Database<Uint8Array, Uint8Array>

/** The open databases of the embedded store; see keys.ts for what they hold. */
export interface Databases {
  readonly root: RootDatabase<Uint8Array, Uint8Array>
  readonly log: BinaryDatabase
  readonly marks: BinaryDatabase
  readonly hours: BinaryDatabase
  readonly wide: BinaryDatabase
  readonly membership: BinaryDatabase
  readonly groupEntries: BinaryDatabase
  readonly channels: BinaryDatabase
  readonly posts: BinaryDatabase
  readonly postHours: BinaryDatabase
  readonly pushSubscriptions: BinaryDatabase
  readonly meta: BinaryDatabase
}

/** The value of an entry that says all in its key. */
export const NOTHING = Uint8Array.of(1)
