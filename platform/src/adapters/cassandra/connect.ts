import { EvegramError, sleep, type Clock } from '@evegram/protocol'
import cassandra from 'cassandra-driver'
import type { Logger } from '../../log.js'
import { portOf, replicationCql, type CassandraConfig } from './config.js'
import { reasonOf } from './failures.js'

/** Default time to wait for the cluster. */
export const CONNECT_WAIT_MS = 120_000
/** Pauses between tries, doubling from the first to the second. */
const BACKOFF_FIRST_MS = 250
const BACKOFF_MAX_MS = 2_000
/** Least time between two log lines of the wait. */
const LOG_EVERY_MS = 5_000

/** Time for an answer; above what Cassandra itself allows a write, so that its own verdict is heard first. */
const REQUEST_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 3_000
/** A replica that has not answered an idempotent request by then is not waited for alone. */
export const SPECULATIVE_DELAY_MS = 200
/** Further replicas that are asked for one request. */
const SPECULATIVE_MAX = 2
const RECONNECT_FIRST_MS = 250
const RECONNECT_MAX_MS = 5_000
/** Idle connections are asked for a sign of life in this interval. */
const HEARTBEAT_MS = 10_000
const KEYSPACE_TIMEOUT_MS = 30_000

/** A connected driver on the keyspace, which is made if it is absent. Rejects `unavailable.store` after `waitMs`. */
export async function connectClient(
  config: CassandraConfig, { log, clock, waitMs = CONNECT_WAIT_MS }: { readonly log: Logger; readonly clock: Clock; readonly waitMs?: number },
): Promise<cassandra.Client> {
  const startedMs = clock.monotonicMs()
  let toldMs = Number.NEGATIVE_INFINITY
  for (let pauseMs = BACKOFF_FIRST_MS; ; pauseMs = Math.min(BACKOFF_MAX_MS, pauseMs * 2)) {
    try {
      await makeKeyspace(config, log)
      const client = await connected(new cassandra.Client(clientOptions(config, config.keyspace)))
      log.info({ contactPoints: config.contactPoints, keyspace: config.keyspace, hosts: client.hosts.length }, 'connected to Cassandra')
      return client
    } catch (cause) {
      const waitedMs = clock.monotonicMs() - startedMs
      if (waitedMs + pauseMs > waitMs) throw new EvegramError('unavailable.store', { operation: 'connect to Cassandra', cause, details: { waitedMs: Math.round(waitedMs) } })
      if (clock.monotonicMs() - toldMs >= LOG_EVERY_MS) {
        toldMs = clock.monotonicMs()
        log.warn({ contactPoints: config.contactPoints, reason: reasonOf(cause), waitedS: Math.round(waitedMs / 1_000) }, 'waiting for Cassandra')
      }
      await sleep(clock, pauseMs)
    }
  }
}

async function makeKeyspace(config: CassandraConfig, log: Logger): Promise<void> {
  const client = await connected(new cassandra.Client(clientOptions(config)))
  try {
    const standing = await client.execute('SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?', [config.keyspace], { prepare: true })
    const [row] = standing.rows
    if (row === undefined) {
      // Name and replication were checked when the configuration was: CQL cannot bind them.
      await client.execute(`CREATE KEYSPACE IF NOT EXISTS ${config.keyspace} WITH replication = ${replicationCql(config.replication)}`, [], { readTimeout: KEYSPACE_TIMEOUT_MS })
      log.info({ keyspace: config.keyspace }, 'made the keyspace')
    } else if (!sameReplication(row.get('replication') as Readonly<Record<string, string>>, config)) {
      log.warn({ keyspace: config.keyspace, replication: config.replication }, 'the keyspace has another replication than the configuration says: alter it, then repair')
    }
  } finally {
    await client.shutdown()
  }
}

function sameReplication(standing: Readonly<Record<string, string>>, { replication }: CassandraConfig): boolean {
  const { class: name = '', ...factors } = standing
  const wanted = replication.class === 'SimpleStrategy' ? { replication_factor: replication.factor } : replication.factors
  return name.endsWith(replication.class) && Object.keys(factors).length === Object.keys(wanted).length
    && Object.entries(wanted).every(([key, factor]) => Number(factors[key]) === factor)
}

async function connected(client: cassandra.Client): Promise<cassandra.Client> {
  try {
    await client.connect()
    return client
  } catch (failure) {
    // The failure to connect says more than one to shut down what never was connected.
    await client.shutdown().catch(() => undefined)
    throw failure
  }
}

function clientOptions(config: CassandraConfig, keyspace?: string): cassandra.DseClientOptions {
  const { policies } = cassandra
  const port = portOf(config.contactPoints[0] ?? '')
  return {
    contactPoints: [...config.contactPoints],
    localDataCenter: config.localDataCenter,
    ...(keyspace === undefined ? {} : { keyspace }),
    ...(config.username === undefined || config.password === undefined ? {} : { credentials: { username: config.username, password: config.password } }),
    ...(port === undefined ? {} : { protocolOptions: { port } }),
    encoding: { useBigIntAsLong: true },
    socketOptions: { readTimeout: REQUEST_TIMEOUT_MS, connectTimeout: CONNECT_TIMEOUT_MS },
    pooling: { heartBeatInterval: HEARTBEAT_MS },
    policies: {
      // The default one is token-aware within the local data center.
      loadBalancing: new policies.loadBalancing.DefaultLoadBalancingPolicy({ localDc: config.localDataCenter }),
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(RECONNECT_FIRST_MS, RECONNECT_MAX_MS),
      speculativeExecution: new policies.speculativeExecution.ConstantSpeculativeExecutionPolicy(SPECULATIVE_DELAY_MS, SPECULATIVE_MAX),
    },
    monitorReporting: { enabled: false },
  }
}
