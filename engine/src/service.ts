import type { Bus, Logger } from '@evegram/platform'
import { EvegramError, type AccountId, type Clock, type DeviceId, type Random } from '@evegram/protocol'
import type { EngineConfig } from './config.js'
import type { Ed25519Verify } from './core/hello.js'
import { createEngineMetrics, engineMetricsText, type EngineMetrics } from './core/metrics.js'
import { EngineNode, type NodeReadiness } from './core/node.js'
import type { PushParts, Wakes } from './core/wakes.js'
import type { AccountDirectory } from './ports/account-directory.js'
import type { ChannelLog } from './ports/channel-log.js'
import type { EnvelopeLog } from './ports/envelope-log.js'
import type { Interest } from './ports/interest.js'
import type { Marks } from './ports/marks.js'
import type { Membership } from './ports/membership.js'
import type { NodeRegistry } from './ports/node-registry.js'
import type { Presence } from './ports/presence.js'
import type { SocketServer } from './ports/socket-server.js'
import type { Turn } from './ports/turn.js'

/** What an engine node is composed of. The composition root makes the adapters and closes the stores after {@link Engine.stop}. */
export interface EngineOptions {
  readonly config: EngineConfig
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly log: EnvelopeLog
  readonly marks: Marks
  readonly membership: Membership
  readonly channelLog: ChannelLog
  readonly presence: Presence
  readonly interest: Interest
  readonly registry: NodeRegistry
  readonly directory: AccountDirectory
  readonly bus: Bus
  readonly sockets: SocketServer
  readonly ed25519Verify: Ed25519Verify
  /** Public keys (Ed25519, 32 bytes) of the services that write notices; none when nothing is said. */
  readonly noticeKeys?: readonly Uint8Array[]
  /** Groups of more members than this are wide: marks and interest go by conversation. Every node of a cluster takes the same. Default 64. */
  readonly wideOver?: number
  /** How devices without a connection are woken; nobody is when nothing is said. */
  readonly push?: PushParts
  /** Default: the turns of Node's event loop. */
  readonly turn?: Turn
}

/** A running engine node. */
export interface Engine {
  /** Joins the cluster and listens; resolves with the port. Rejects `invalid.config` (port taken), `unavailable.*`. */
  start(): Promise<number>
  /** Goes unready, takes no new connections, spreads the clients over `drainSpreadMs`, finishes the sends on their way. */
  drain(): Promise<void>
  /** Closes every socket, says goodbye to the peers, frees the port. Call after {@link Engine.drain}. */
  stop(): Promise<void>
  /**
   * Writes an encoded notice, signed by one of `noticeKeys`, into the log of what its account is told: the same once more is shown once. Resolved = durable.
   * Rejects `invalid.*` for bytes that are no notice, `denied.notices` for another signature, `limited.queue`, `order.ahead`, `append.too_late`, `unavailable.*`.
   */
  appendNotice(notice: Uint8Array): Promise<void>
  /**
   * Takes where a device is woken while it has no connection; the caller has verified that it asks. Resolved = durable. Rejects `denied.push_service`, `unavailable.*`, and
   * `push.none` where nobody is woken.
   */
  subscribeToPushes(account: AccountId, device: DeviceId, endpoint: string): Promise<void>
  /** Ends that. Rejects as {@link Engine.subscribeToPushes}. */
  unsubscribeFromPushes(device: DeviceId): Promise<void>
  /** Whether new work should come here. */
  ready(): NodeReadiness
  readonly metrics: EngineMetrics
  /** All counts in the Prometheus text format. */
  metricsText(): string
}

/** The turns of Node's event loop. */
export const nodeTurn: Turn = { defer: (task) => { setImmediate(task) } }

/** Puts an engine node together. Nothing runs before {@link Engine.start}. */
export function createEngine(options: EngineOptions): Engine {
  const { config, sockets, logger } = options
  const metrics = createEngineMetrics()
  let node: EngineNode | undefined
  const wakes = (operation: string): Wakes => {
    if (node === undefined) throw new EvegramError('unavailable.draining', { operation })
    if (node.wakes === undefined) throw new EvegramError('push.none', { operation })
    return node.wakes
  }
  return {
    metrics,
    metricsText: () => engineMetricsText(metrics),
    ready: () => node?.ready() ?? { ok: false, reason: 'the node has not started' },
    async appendNotice(notice) {
      if (node === undefined) throw new EvegramError('unavailable.draining', { operation: 'append notice' })
      await node.notices.append(notice)
    },
    subscribeToPushes: async (account, device, endpoint) => wakes('subscribe to pushes').subscribe(account, device, endpoint),
    unsubscribeFromPushes: async (device) => wakes('unsubscribe from pushes').unsubscribe(device),
    async start() {
      node = await EngineNode.create({ ...options, topics: sockets, turn: options.turn ?? nodeTurn, metrics, origin: config.origin, rates: config.rates, hellosPerSecond: config.hellosPerSecond })
      await node.start()
      const port = await sockets.listen(node.handlers)
      logger.info({ incarnation: node.incarnation, port, sockets: sockets.description }, 'the engine takes connections')
      return port
    },
    async drain() {
      sockets.stopAccepting()
      await node?.drain(config.drainSpreadMs)
    },
    async stop() {
      await node?.stop()
      await sockets.close()
    },
  }
}
