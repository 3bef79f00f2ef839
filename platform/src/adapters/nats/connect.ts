import { EvegramError, isEvegramError, sleep, type Clock, type Random } from '@evegram/protocol'
import { subjectOf } from '../../bus.js'
import type { Logger } from '../../log.js'
import { createMetrics, type Metrics } from '../../metrics.js'
import { systemRandom } from '../../random.js'
import { backoffMs } from '../backoff.js'
import { dial } from './dial.js'
import { busMetrics } from './metrics.js'
import { NatsBus } from './nats-bus.js'
import { orderToTry, parseNatsServer } from './servers.js'

/** How long a service that starts waits for NATS. */
const FIRST_CONNECT_MS = 60_000
/** How often it says that it still waits. */
const WAIT_LOG_MS = 5_000

/** Options of {@link connectNats}. */
export interface NatsOptions {
  /** `nats://[user:password@]host:port` or `tls://…`; a node uses one of them and another one when that is lost. */
  readonly servers: readonly string[]
  /** Shown in the monitoring of the server: service and node. */
  readonly name: string
  readonly log: Logger
  readonly clock: Clock
  readonly metrics?: Metrics
  readonly random?: Random
  /** Tokens, joined by dots, before every subject; none by default. Clusters that share a NATS server need different ones. */
  readonly prefix?: string
  /** How long to wait for the first server, in ms. Default: {@link FIRST_CONNECT_MS}. */
  readonly waitMs?: number
}

/**
 * Connects to NATS and waits until a server answers. Rejects `invalid.config` at once when the settings or the server cannot work (addresses,
 * credentials, packet size), `unavailable.bus` when the wait was in vain.
 */
export async function connectNats(options: NatsOptions): Promise<NatsBus> {
  const { name, log, clock, metrics = createMetrics(), random = systemRandom(), prefix, waitMs = FIRST_CONNECT_MS } = options
  const servers = options.servers.map(parseNatsServer)
  if (servers.length === 0) throw new EvegramError('invalid.config', { operation: 'connect to NATS', advice: 'Name at least one NATS server.' })
  const parts = {
    servers, name, log, clock, random, metrics: busMetrics(metrics), prefix: prefix === undefined ? [] : subjectOf(...prefix.split('.')).split('.'),
  }
  const startMs = clock.monotonicMs()
  let loggedMs = Number.NEGATIVE_INFINITY
  for (let attempt = 0; ; attempt++) {
    try {
      const first = await dial(orderToTry(servers, undefined, random), name)
      log.info({ server: first.server.place, version: first.nats.info?.version }, 'connected to NATS')
      return new NatsBus(parts, first)
    } catch (cause) {
      const nowMs = clock.monotonicMs()
      if (!isEvegramError(cause, 'unavailable.bus') || nowMs - startMs >= waitMs) throw cause
      if (nowMs - loggedMs >= WAIT_LOG_MS) {
        loggedMs = nowMs
        log.info({ servers: servers.map(({ place }) => place), waitedMs: Math.round(nowMs - startMs), err: cause }, 'waiting for NATS')
      }
      await sleep(clock, backoffMs(attempt, random))
    }
  }
}
