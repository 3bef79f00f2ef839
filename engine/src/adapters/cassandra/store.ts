import { systemRandom, type Logger } from '@evegram/platform'
import type { CassandraSession, Migration } from '@evegram/platform/cassandra'
import { LIMITS, type Clock, type Random } from '@evegram/protocol'
import type { ChannelLog } from '../../ports/channel-log.js'
import type { EnvelopeLog } from '../../ports/envelope-log.js'
import type { Marks } from '../../ports/marks.js'
import type { Membership } from '../../ports/membership.js'
import type { NodeRegistry } from '../../ports/node-registry.js'
import type { PushSubscriptions } from '../../ports/push-subscriptions.js'
import { MarkingLog } from '../marking-log.js'
import { CassandraChannelLog } from './channel-log.js'
import { CHANNEL_TABLES } from './channels.cql.js'
import { CassandraEnvelopeRows } from './envelope-rows.js'
import { ENVELOPE_TABLES } from './envelopes.cql.js'
import { GROUP_CHANGES, GROUP_TABLES } from './groups.cql.js'
import { CassandraMarks } from './marks.js'
import { MARK_TABLES, WIDE_TABLES } from './marks.cql.js'
import { CassandraMembership } from './membership.js'
import { MEMBERSHIP_TABLES } from './membership.cql.js'
import { CassandraNodeRegistry } from './node-registry.js'
import { NODE_TABLES } from './nodes.cql.js'
import { PUSH_TABLES } from './push.cql.js'
import { CassandraPushSubscriptions } from './push-subscriptions.js'

/** The schema of the engine. Never change a step that was released: append. */
export const ENGINE_MIGRATIONS: readonly Migration[] = [
  { version: 1, statements: [...ENVELOPE_TABLES, ...MARK_TABLES, ...MEMBERSHIP_TABLES, ...NODE_TABLES] },
  { version: 2, statements: GROUP_TABLES },
  { version: 3, statements: [...WIDE_TABLES, ...GROUP_CHANGES] },
  { version: 4, statements: CHANNEL_TABLES },
  { version: 5, statements: PUSH_TABLES },
]

/** Rows outlive the retention by this, so that the hour, the list of hours and the marks of a copy never expire before it is too old to be read. */
export const TTL_MARGIN_MS = 24 * 3_600_000

/** What the durable ports of an engine are made of. */
export interface CassandraEngineStoreParts {
  /** Shared with other parts of the process; the caller closes it. */
  readonly session: CassandraSession
  readonly clock: Clock
  readonly log: Logger
  /** Default: that of the protocol. */
  readonly retentionMs?: number
  /** Default: the randomness of the system. */
  readonly random?: Random
}

/** The durable ports of an engine over Cassandra. Any number of processes share them. */
export interface CassandraEngineStore {
  readonly envelopeLog: EnvelopeLog
  readonly marks: Marks
  readonly membership: Membership
  readonly channelLog: ChannelLog
  readonly nodeRegistry: NodeRegistry
  readonly pushSubscriptions: PushSubscriptions
}

/**
 * Brings the tables of the engine up to date and binds its ports to them. Rejects `incompatible.schema` for tables of a newer version and
 * `unavailable.store`.
 */
export async function openCassandraEngineStore(parts: CassandraEngineStoreParts): Promise<CassandraEngineStore> {
  const { session, clock, log, retentionMs = LIMITS.retentionMs, random = systemRandom() } = parts
  await session.migrate('engine', ENGINE_MIGRATIONS)
  const ttlS = Math.ceil((retentionMs + TTL_MARGIN_MS) / 1_000)
  const marks = new CassandraMarks(session, ttlS)
  return {
    envelopeLog: new MarkingLog({ rows: new CassandraEnvelopeRows(session, ttlS), marks }),
    marks,
    membership: new CassandraMembership(session),
    channelLog: new CassandraChannelLog(session, ttlS),
    nodeRegistry: new CassandraNodeRegistry({ session, clock, random, log }),
    pushSubscriptions: new CassandraPushSubscriptions(session, clock),
  }
}
