import type { Clock, Random } from '@evegram/protocol'
import type { HealthChecks } from './health.js'
import { createHttp, type HttpServer } from './http.js'
import type { Logger } from './log.js'
import type { Metrics } from './metrics.js'

/** What {@link createAdminHttp} shows. */
export interface AdminHttpOptions {
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
  readonly health: HealthChecks
  /** Counts that a part prints by itself, in the Prometheus text format. */
  readonly moreMetrics?: () => string
}

/**
 * The listener for operators and their machines, on loopback only: `/metrics` (Prometheus), `/healthz` (is the process well), `/readyz` (does it take
 * new work, and if not, why).
 */
export function createAdminHttp(options: AdminHttpOptions): HttpServer {
  const { metrics, health, moreMetrics } = options
  const server = createHttp({ log: options.log.child({ part: 'admin' }), clock: options.clock, random: options.random })
  server.get('/metrics', async (_request, reply) => {
    void reply.type(metrics.contentType)
    const text = await metrics.text()
    return reply.send(moreMetrics === undefined ? text : `${text}\n${moreMetrics()}`)
  })
  for (const [path, kind] of [['/healthz', 'live'], ['/readyz', 'ready']] as const) {
    server.get(path, async (_request, reply) => {
      const report = await health.report(kind)
      return reply.code(report.ok ? 200 : 503).send(report)
    })
  }
  return server
}
