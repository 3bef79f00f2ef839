import { createHash, timingSafeEqual } from 'node:crypto'
import type { Engine } from '@evegram/engine'
import { createAdminHttp, type HealthChecks, type HttpServer, type Logger, type Metrics } from '@evegram/platform'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import type { StandaloneWally } from './add-wally.js'
import type { DataFolder } from './data-folder.js'
import { keptFacts, operatorFacts, type OperatorFacts } from './operator-facts.js'
import type { OperatorPageNames } from './operator-page.js'
import { operatorRoutes } from './operator-routes.js'
import { takeSnapshot } from './wally-snapshot.js'

/** Where a backup asks for the ledger and the chain of play money of one moment. */
export const SNAPSHOT_PATH = '/v1/operator/wally-snapshot'

/** What the admin listener shows and needs. */
export interface AdminOptions {
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
  readonly health: HealthChecks
  readonly engine: Engine
  readonly wally: StandaloneWally | undefined
  readonly names: OperatorPageNames
  readonly folder: Pick<DataFolder, 'operatorToken' | 'path' | 'chainDir'>
}

/**
 * The listener for operators and their machines, on loopback only: `/metrics` (Prometheus), `/healthz` (is the process well), `/readyz` (does it take new work), and
 * with the operator token `/v1/operator/status` and what a backup asks for; the page `/operator` about the wallet bridge, to which browsers sign in.
 */
export function createAdmin(options: AdminOptions): HttpServer {
  const { engine, folder, wally } = options
  const server = createAdminHttp({ ...options, moreMetrics: () => engine.metricsText() })
  server.get('/v1/operator/status', async (request) => {
    requireOperator(request.headers.authorization, folder.operatorToken)
    const { connections, appended, deliveries, acks } = engine.metrics
    return {
      ready: engine.ready().ok, connections: connections.value, appended: appended.value, acks: acks.value, deliveries: deliveries.value,
      serverTimeMs: options.clock.now(),
    }
  })
  if (wally !== undefined) {
    const { wally: bridge, ledger, operators, start } = wally
    const factsOnceStarted = (): Promise<OperatorFacts> => {
      start.require()
      return operatorFacts(bridge, ledger, options.clock)
    }
    operatorRoutes(server, { ...options, operators, facts: keptFacts(factsOnceStarted, options.clock) })
    server.post(SNAPSHOT_PATH, async (request) => {
      requireOperator(request.headers.authorization, folder.operatorToken)
      await takeSnapshot(wally, folder)
      return { status: 'done' }
    })
  }
  return server
}

/** Throws `auth.operator` unless `authorization` is `Bearer <operator token>`; compares in constant time. */
export function requireOperator(authorization: string | undefined, operatorToken: string): void {
  const given = /^Bearer (\S{1,128})$/.exec(authorization ?? '')?.[1] ?? ''
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  if (!timingSafeEqual(digest(given), digest(operatorToken))) throw new EvegramError('auth.operator', { operation: 'check operator token' })
}
