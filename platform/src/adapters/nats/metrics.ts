import type { Metrics } from '../../metrics.js'

/** Why a connection to NATS ended. */
export type LossReason = 'closed' | 'stalled' | 'slow_consumer'
/** Why a packet was not taken. */
export type RefusalReason = 'disconnected' | 'queue' | 'size'

/** What the bus counts. The alarms are on `lost` (slow_consumer and stalled), `refused`, `slowFlushes` and `handlerFailures`. */
export function busMetrics(metrics: Metrics) {
  const packets = metrics.counter({ name: 'bus_packets_total', help: 'Packets between nodes over NATS', labels: ['direction'] })
  const bytes = metrics.counter({ name: 'bus_bytes_total', help: 'Bytes of packets between nodes over NATS', labels: ['direction'] })
  return {
    packetsOut: packets.with({ direction: 'out' }),
    packetsIn: packets.with({ direction: 'in' }),
    bytesOut: bytes.with({ direction: 'out' }),
    bytesIn: bytes.with({ direction: 'in' }),
    refused: metrics.counter({ name: 'bus_packets_refused_total', help: 'Packets that the bus did not take', labels: ['reason'] }),
    shed: metrics.counter({ name: 'bus_offers_shed_total', help: 'Packets that nobody misses and that were not sent because NATS was away or behind' }),
    lost: metrics.counter({ name: 'bus_connections_lost_total', help: 'Connections to NATS that ended without being closed', labels: ['reason'] }),
    reconnects: metrics.counter({ name: 'bus_reconnects_total', help: 'Connections to NATS made again' }),
    serverErrors: metrics.counter({ name: 'bus_server_errors_total', help: 'Errors that NATS reported on a connection' }),
    slowFlushes: metrics.counter({ name: 'bus_slow_flushes_total', help: 'Flushes that NATS answered late: it, the network or this node is behind' }),
    handlerFailures: metrics.counter({ name: 'bus_handler_failures_total', help: 'Packets whose handler failed' }),
    connected: metrics.gauge({ name: 'bus_connected', help: 'Whether NATS is connected' }),
    pendingBytes: metrics.gauge({ name: 'bus_pending_bytes', help: 'Bytes published that NATS has not confirmed yet' }),
  }
}

/** What {@link busMetrics} gives. */
export type BusMetrics = ReturnType<typeof busMetrics>

/** What event streams count. The alarm is on `dead`. */
export function eventMetrics(metrics: Metrics) {
  return {
    published: metrics.counter({ name: 'events_published_total', help: 'Events stored by the broker, repetitions included', labels: ['status'] }),
    handled: metrics.counter({ name: 'events_handled_total', help: 'Events whose handler succeeded', labels: ['consumer'] }),
    failures: metrics.counter({ name: 'events_failed_total', help: 'Attempts to handle an event that failed', labels: ['consumer'] }),
    dead: metrics.counter({ name: 'events_dead_total', help: 'Events put to the dead letters', labels: ['consumer'] }),
  }
}

/** What {@link eventMetrics} gives. */
export type EventMetrics = ReturnType<typeof eventMetrics>
