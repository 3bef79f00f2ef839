import type { Metrics } from '../../metrics.js'

/** What a connection to Redis counts. */
export function redisMetrics(metrics: Metrics) {
  return {
    failures: metrics.counter({ name: 'redis_failures_total', help: 'Calls that Redis did not answer', labels: ['command'] }),
    reconnects: metrics.counter({ name: 'redis_reconnects_total', help: 'Connections to Redis made again' }),
    connected: metrics.gauge({ name: 'redis_connected', help: 'Whether Redis is connected' }),
  }
}

/** What {@link redisMetrics} gives. */
export type RedisMetrics = ReturnType<typeof redisMetrics>
