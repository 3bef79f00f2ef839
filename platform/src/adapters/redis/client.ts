import { Cluster, Redis, type CommonRedisOptions } from 'ioredis'
import type { Random } from '@evegram/protocol'
import { backoffMs } from '../backoff.js'
import type { RedisPlace } from './place.js'

/** Time for a connection to come about. */
const CONNECT_MS = 1_500
/** A server that owes an answer for so long is given up: the connection is broken and made again. */
export const REDIS_SILENCE_MS = 1_000
/** How often the slots of a cluster are read again, beside what its answers say. */
const SLOTS_REFRESH_MS = 5_000

/** A driver's client of either kind; it connects at once. */
export type RedisClient = Redis | Cluster

/**
 * A client that keeps nothing for later: without a connection a command fails at once, and one whose connection broke is not sent again. Commands
 * of one turn of the event loop go out together. Connects again for ever.
 */
export function createClient(place: RedisPlace, name: string, random: Random): RedisClient {
  const retry = (times: number): number => backoffMs(times - 1, random)
  const common = {
    connectionName: name, connectTimeout: CONNECT_MS, socketTimeout: REDIS_SILENCE_MS, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false,
    // After a failover the old master is a replica: look for the new one.
    reconnectOnError: (failure: Error) => failure.message.startsWith('READONLY'),
    ...(place.user === undefined ? {} : { username: place.user }),
    ...(place.password === undefined ? {} : { password: place.password }),
    ...(place.tls ? { tls: {} } : {}),
  } satisfies CommonRedisOptions & Record<string, unknown>
  const nodes = place.nodes.map(({ host, port }) => ({ host, port }))
  if (place.kind === 'cluster') {
    return new Cluster(nodes, {
      redisOptions: common, enableOfflineQueue: false, enableAutoPipelining: true, slotsRefreshTimeout: CONNECT_MS, slotsRefreshInterval: SLOTS_REFRESH_MS,
      clusterRetryStrategy: retry, clusterNodeRetryStrategy: retry,
    })
  }
  const alone = { ...common, db: place.database, enableOfflineQueue: false, enableAutoPipelining: true, retryStrategy: retry }
  if (place.kind === 'standalone') return new Redis({ ...alone, ...nodes[0] })
  return new Redis({
    // No failover detector: the driver gives up for good when it fires while a connection is made. Sentinels break the connections to an old master.
    ...alone, sentinels: nodes, name: place.group ?? '', sentinelRetryStrategy: retry, failoverDetector: false,
    ...(place.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
  })
}
