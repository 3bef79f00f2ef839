import { createHash, timingSafeEqual } from 'node:crypto'
import type { Engine } from '@evegram/engine'
import { createHttp, type HealthChecks, type HttpServer, type Logger, type Metrics } from '@evegram/platform'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'

/** What the admin listener shows and needs. */
export interface AdminOptions {
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
  readonly health: HealthChecks
  readonly engine: Engine
  readonly operatorToken: string
}

/**
 * The listener for operators and their machines, on loopback only: `/metrics` (Prometheus), `/healthz` (is the process well),
 * `/readyz` (does it take new work), `/v1/operator/status` (with `Authorization: Bearer <operator token>`).
 */
export async function createAdmin(options: AdminOptions): Promise<HttpServer> {
  const { metrics, health, engine } = options
  const server = createHttp({ log: options.log.child({ part: 'admin' }), clock: options.clock, random: options.random })
  server.get('/metrics', async (_request, reply) => {
    void reply.type(metrics.contentType)
    return reply.send(`${await metrics.text()}\n${engine.metricsText()}`)
  })
  for (const [path, kind] of [['/healthz', 'live'], ['/readyz', 'ready']] as const) {
    server.get(path, async (_request, reply) => {
      const report = await health.report(kind)
      return reply.code(report.ok ? 200 : 503).send(report)
    })
  }
  server.get('/v1/operator/status', async (request) => {
    requireOperator(request.headers.authorization, options.operatorToken)
    const { connections, appended, deliveries, acks } = engine.metrics
    return {
      ready: engine.ready().ok, connections: connections.value, appended: appended.value, acks: acks.value, deliveries: deliveries.value,
      serverTimeMs: options.clock.now(),
    }
  })
  return server
}

/** Throws `auth.operator` unless `authorization` is `Bearer <operator token>`; compares in constant time. */
export function requireOperator(authorization: string | undefined, operatorToken: string): void {
  const given = /^Bearer (\S{1,128})$/.exec(authorization ?? '')?.[1] ?? ''
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  if (!timingSafeEqual(digest(given), digest(operatorToken))) throw new EvegramError('auth.operator', { operation: 'check operator token' })
}
