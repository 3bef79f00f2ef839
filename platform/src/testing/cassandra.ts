import { randomBytes } from 'node:crypto'
import cassandra from 'cassandra-driver'
import { CassandraSession, type CassandraConfig } from '../adapters/cassandra/index.js'
import { systemClock } from '../clock.js'
import { silentLogger, type Logger } from '../log.js'
import type { Metrics } from '../metrics.js'
import { LOCAL_DATA_CENTER, serviceAddresses } from './services.js'

const IN_FLIGHT_MAX = 256
const DROP_TIMEOUT_MS = 30_000

/** A keyspace of one test file on the running Cassandra. */
export interface TestKeyspace {
  readonly config: CassandraConfig
  /** A session of its own, as another process would have; closed by {@link TestKeyspace.drop} at the latest. */
  connect(parts?: { readonly log?: Logger; readonly metrics?: Metrics; readonly inFlightMax?: number }): Promise<CassandraSession>
  /** Empties the named tables: much faster than another keyspace. */
  truncate(...tables: readonly string[]): Promise<void>
  /** Closes every session and drops the keyspace. */
  drop(): Promise<void>
}

/** A fresh keyspace name, one copy of everything; the keyspace is made by the first session. */
export function testKeyspace(): TestKeyspace {
  const config: CassandraConfig = {
    contactPoints: serviceAddresses('cassandra'), localDataCenter: LOCAL_DATA_CENTER, keyspace: `test_${randomBytes(6).toString('hex')}`,
    replication: { class: 'SimpleStrategy', factor: 1 }, consistency: 'LOCAL_QUORUM', inFlightMax: IN_FLIGHT_MAX,
  }
  const sessions: CassandraSession[] = []
  const [first] = config.contactPoints
  const admin = new cassandra.Client({
    contactPoints: [...config.contactPoints], localDataCenter: LOCAL_DATA_CENTER, protocolOptions: { port: Number(first?.split(':')[1]) },
    socketOptions: { readTimeout: DROP_TIMEOUT_MS },
  })
  return {
    config,
    async connect({ log = silentLogger, metrics, inFlightMax = IN_FLIGHT_MAX } = {}) {
      const session = await CassandraSession.connect({ ...config, inFlightMax }, { log, clock: systemClock(), ...(metrics === undefined ? {} : { metrics }) })
      sessions.push(session)
      return session
    },
    async truncate(...tables) {
      await Promise.all(tables.map((table) => admin.execute(`TRUNCATE ${config.keyspace}.${table}`)))
    },
    async drop() {
      await Promise.all(sessions.map((session) => session.close()))
      await admin.execute(`DROP KEYSPACE IF EXISTS ${config.keyspace}`)
      await admin.shutdown()
    },
  }
}
