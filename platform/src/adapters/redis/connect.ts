import { EvegramError, sleep, type Clock, type Random } from '@evegram/protocol'
import type { Logger } from '../../log.js'
import { createMetrics, type Metrics } from '../../metrics.js'
import { systemRandom } from '../../random.js'
import { createClient } from './client.js'
import { DriverConnection, type RedisConnection } from './connection.js'
import { redisMetrics } from './metrics.js'
import { parseRedisUrl } from './place.js'

/** How long a service that starts waits for Redis. */
const FIRST_CONNECT_MS = 60_000
/** How often it looks, and says that it still waits. */
const LOOK_MS = 50
const WAIT_LOG_MS = 5_000

/** Options of {@link connectRedis}. */
export interface RedisOptions {
  /** As {@link parseRedisUrl} reads it. */
  readonly url: string
  /** Shown in `CLIENT LIST`: service and node. */
  readonly name: string
  readonly log: Logger
  readonly clock: Clock
  readonly metrics?: Metrics
  readonly random?: Random
  /** How long to wait for the first connection, in ms. Default: {@link FIRST_CONNECT_MS}. */
  readonly waitMs?: number
}

/**
 * Connects to Redis and waits until it answers. Rejects `invalid.config` for an address that is none and for credentials that Redis refuses,
 * `unavailable.store` when the wait was in vain.
 */
export async function connectRedis(options: RedisOptions): Promise<RedisConnection> {
  const { log, clock, metrics = createMetrics(), random = systemRandom(), waitMs = FIRST_CONNECT_MS } = options
  const place = parseRedisUrl(options.url)
  const connection = new DriverConnection({ client: createClient(place, options.name, random), log, clock, metrics: redisMetrics(metrics) })
  const nodes = place.nodes.map(({ host, port }) => `${host}:${String(port)}`)
  const startMs = clock.monotonicMs()
  let loggedMs = startMs
  while (!connection.status().connected) {
    const nowMs = clock.monotonicMs()
    if (isRefusal(connection.lastFailure)) {
      await connection.close()
      throw new EvegramError('invalid.config', {
        operation: 'connect to Redis', cause: connection.lastFailure, advice: 'Redis refuses the user or password: correct them in EVEGRAM_REDIS.',
      })
    }
    if (nowMs - startMs >= waitMs) {
      await connection.close()
      throw new EvegramError('unavailable.store', { operation: 'connect to Redis', cause: connection.lastFailure })
    }
    if (nowMs - loggedMs >= WAIT_LOG_MS) {
      loggedMs = nowMs
      log.info({ kind: place.kind, nodes, waitedMs: Math.round(nowMs - startMs) }, 'waiting for Redis')
    }
    await sleep(clock, LOOK_MS)
  }
  log.info({ kind: place.kind, nodes }, 'connected to Redis')
  return connection
}

function isRefusal(failure: unknown): boolean {
  return failure instanceof Error && /^(WRONGPASS|NOAUTH|NOPERM)/.test(failure.message)
}
