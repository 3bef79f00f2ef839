import { silentLogger, systemClock } from '@evegram/platform'
import { testKeyspace } from '@evegram/platform/testing'
import type { CassandraSession } from '@evegram/platform/cassandra'
import { afterAll, beforeAll } from 'vitest'
import { describeChannelLog } from '../../ports/channel-log.contract.js'
import { describeEnvelopeLog } from '../../ports/envelope-log.contract.js'
import { describeMarks } from '../../ports/marks.contract.js'
import { describeMembership } from '../../ports/membership.contract.js'
import { describeNodeRegistry } from '../../ports/node-registry.contract.js'
import { describePushSubscriptions } from '../../ports/push-subscriptions.contract.js'
import { MarkingLog } from '../marking-log.js'
import { CassandraEnvelopeRows } from './envelope-rows.js'
import { CassandraMarks } from './marks.js'
import { openCassandraEngineStore, type CassandraEngineStore } from './store.js'

/** So small that the suite goes through several levels. */
const SMALL_PARTITION_BYTES = 25_000
const TTL_S = 86_400

const clock = systemClock()
const keyspace = testKeyspace()
const TABLES = ['envelopes', 'envelope_hours', 'inbox_marks', 'wide_conversations', 'conversations', 'groups', 'channel_posts', 'channel_heads', 'incarnations', 'nodes', 'store_time', 'push_subscriptions']
const close = async (): Promise<void> => undefined
let session: CassandraSession
/** As another process opens the store: nothing is remembered. */
const open = (): Promise<CassandraEngineStore> => openCassandraEngineStore({ session, clock, log: silentLogger })
const empty = async (): Promise<CassandraEngineStore> => {
  await keyspace.truncate(...TABLES)
  return open()
}

beforeAll(async () => {
  session = await keyspace.connect()
  await open()
}, 60_000)
afterAll(async () => { await keyspace.drop() }, 60_000)

describeEnvelopeLog({
  name: 'Cassandra', gaps: ['exists', 'trim'],
  setup: async () => ({ log: (await empty()).envelopeLog, reopen: async () => (await open()).envelopeLog, close }),
})
/** As another process, that knows nothing of what was written. */
const openSmall = (): MarkingLog => new MarkingLog({ rows: new CassandraEnvelopeRows(session, TTL_S, SMALL_PARTITION_BYTES), marks: new CassandraMarks(session, TTL_S) })
describeEnvelopeLog({
  name: 'Cassandra with small partitions', gaps: ['exists', 'trim'],
  setup: async () => {
    await empty()
    return { log: openSmall(), reopen: async () => openSmall(), close }
  },
})
describeMarks({
  name: 'Cassandra',
  setup: async () => {
    const { envelopeLog, marks } = await empty()
    return { log: envelopeLog, marks, close }
  },
})
describeMembership({
  name: 'Cassandra',
  setup: async () => ({ membership: (await empty()).membership, reopen: async () => (await open()).membership, close }),
})
describeChannelLog({
  name: 'Cassandra', gaps: ['trim'],
  setup: async () => ({ log: (await empty()).channelLog, reopen: async () => (await open()).channelLog, close }),
})
describeNodeRegistry({
  name: 'Cassandra',
  setup: async () => {
    const { envelopeLog, nodeRegistry } = await empty()
    return {
      registry: nodeRegistry, log: envelopeLog, reopen: async () => (await open()).nodeRegistry, close,
      advance: (ms) => new Promise((resolve) => { setTimeout(resolve, ms) }),
    }
  },
})
describePushSubscriptions({
  name: 'Cassandra',
  setup: async () => ({ subscriptions: (await empty()).pushSubscriptions, nowMs: () => clock.now(), reopen: async () => (await open()).pushSubscriptions, close }),
})
