import { createHash, timingSafeEqual } from 'node:crypto'
import type { Engine } from '@evegram/engine'
import { createAdminHttp, type HealthChecks, type HttpServer, type Logger, type Metrics } from '@evegram/platform'
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
export function createAdmin(options: AdminOptions): HttpServer {
  const { engine } = options
  const server = createAdminHttp({ ...options, moreMetrics: () => engine.metricsText() })
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
