import { mkdir } from 'node:fs/promises'
import { EvegramError, type Clock } from '@evegram/protocol'
import { open } from 'lmdb'
import type { ChannelLog } from '../../ports/channel-log.js'
import type { EnvelopeLog } from '../../ports/envelope-log.js'
import type { Marks } from '../../ports/marks.js'
import type { Membership } from '../../ports/membership.js'
import type { NodeRegistry } from '../../ports/node-registry.js'
import type { PushSubscriptions } from '../../ports/push-subscriptions.js'
import { LmdbChannelLog } from './channel-log.js'
import { Committer } from './committer.js'
import type { Databases } from './databases.js'
import { LmdbEnvelopeLog } from './envelope-log.js'
import { FileJournalDisk } from './journal/file-journal-disk.js'
import type { JournalDisk } from './journal/journal-disk.js'
import { Journal } from './journal/journal.js'
import { Mover } from './journal/mover.js'
import { LmdbMarks } from './marks.js'
import { LmdbMembership } from './membership.js'
import { LmdbNodeRegistry } from './node-registry.js'
import { LmdbPushSubscriptions } from './push-subscriptions.js'
import { upgradeSchema } from './schema.js'

/** The embedded store of an engine: all its durable ports on one LMDB environment. */
export interface EngineStore {
  readonly envelopeLog: EnvelopeLog
  readonly marks: Marks
  readonly membership: Membership
  readonly channelLog: ChannelLog
  readonly nodeRegistry: NodeRegistry
  readonly pushSubscriptions: PushSubscriptions
  readonly schemaVersion: number
  /** Copies the store as it stands now, compacted, to the empty or missing folder `to`, while it goes on working. Rejects with `unavailable.store`. */
  backup(to: string): Promise<void>
  /** Commits what waits, then closes. Writes after this are rejected. */
  close(): Promise<void>
}

/** Where a store lies. */
export interface EngineStorePlace {
  readonly dir: string
  readonly clock: Clock
  /** Where its journal lies: files of `dir`, unless a test takes them away. */
  readonly disk?: JournalDisk
}

/**
 * Opens (or makes) the store in the folder `dir`, which one process has for itself: the caller holds the lock. Upgrades it in place, and moves into LMDB what
 * the journal holds. Throws `incompatible.schema` for a store of a newer version and `unavailable.store` when it cannot be opened, or its journal is damaged.
 */
export function openEngineStore({ dir, clock, disk = new FileJournalDisk(dir, clock) }: EngineStorePlace): EngineStore {
  const databases = openDatabases(dir)
  let schemaVersion: number
  let journal: { readonly storeId: Uint8Array; readonly movedSeq: number }
  const mover = new Mover(databases)
  try {
    schemaVersion = upgradeSchema(databases)
    journal = mover.recover(disk)
  } catch (error) {
    void databases.root.close()
    throw error
  }
  const committer = new Committer(databases.root, clock, () => undefined)
  const appends = new Journal({ ...journal, disk, clock, move: (generation) => mover.move(generation, committer), afterFailure: () => { envelopeLog.forget() } })
  const envelopeLog = new LmdbEnvelopeLog(databases, committer, appends)
  return {
    envelopeLog,
    marks: new LmdbMarks(databases, committer, appends.pending),
    membership: new LmdbMembership(databases, committer),
    channelLog: new LmdbChannelLog(databases, committer),
    nodeRegistry: new LmdbNodeRegistry(databases, clock, () => envelopeLog.highestMs),
    pushSubscriptions: new LmdbPushSubscriptions(databases, committer, clock),
    schemaVersion,
    backup: async (to) => {
      try {
        await mkdir(to, { recursive: true })
        // A backup is a folder of LMDB alone: what was acknowledged before it was asked for is in there first.
        await appends.moved()
        await databases.root.backup(to, true)
      } catch (cause) {
        throw new EvegramError('unavailable.store', { operation: 'back up message store', cause })
      }
    },
    close: async () => {
      await appends.close()
      // Closing an environment whose commit never ends would wait for ever: the end of the process closes it.
      if (await committer.close()) await databases.root.close()
    },
  }
}

/** Opens the environment. Durability rests on `overlappingSync: false`, and failures on `eventTurnBatching: false`: see {@link Committer}. */
export function openDatabases(dir: string): Databases {
  const binary = { encoding: 'binary', keyEncoding: 'binary' } as const
  try {
    const root = open<Uint8Array, Uint8Array>({ path: dir, noSubdir: false, maxDbs: 16, overlappingSync: false, eventTurnBatching: false, ...binary })
    const named = (name: string): Databases['log'] => root.openDB<Uint8Array, Uint8Array>({ name, ...binary })
    return {
      root, log: named('log'), marks: named('marks'), hours: named('hours'), wide: named('wide'), membership: named('membership'),
      groupEntries: named('group-entries'), channels: named('channels'), posts: named('posts'), postHours: named('post-hours'), pushSubscriptions: named('push-subscriptions'), meta: named('meta'),
    }
  } catch (cause) {
    throw new EvegramError('unavailable.store', { operation: 'open message store', cause })
  }
}
