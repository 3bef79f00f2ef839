import { createHash, timingSafeEqual } from 'node:crypto'
import type { Engine } from '@evegram/engine'
import { createAdminHttp, type HealthChecks, type HttpServer, type Logger, type Metrics } from '@evegram/platform'
import { EvegramError, isEvegramError, type Clock, type Random } from '@evegram/protocol'
import type { StandaloneWally } from './add-wally.js'
import type { DataFolder } from './data-folder.js'
import { keptFacts, operatorFacts } from './operator-facts.js'
import { operatorPage, type OperatorPageNames } from './operator-page.js'
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
 * with the operator token `/v1/operator/status`, the page `/operator` about the wallet bridge, and what a backup asks for.
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
    addOperatorPage(server, options, wally)
    server.post(SNAPSHOT_PATH, async (request) => {
      requireOperator(request.headers.authorization, folder.operatorToken)
      await takeSnapshot(wally, folder)
      return { status: 'done' }
    })
  }
  return server
}

/** A browser cannot send a bearer token by itself: it asks for a name, which does not matter, and a password, which is the token (RFC 7617). */
function addOperatorPage(server: HttpServer, { folder, names, clock }: AdminOptions, { wally, ledger, start }: StandaloneWally): void {
  const facts = keptFacts(() => {
    start.require()
    return operatorFacts(wally, ledger, clock)
  }, clock)
  server.get('/operator', async (request, reply) => {
    try {
      requireOperator(bearerOf(request.headers.authorization), folder.operatorToken)
    } catch (failure) {
      if (!isEvegramError(failure, 'auth.operator')) throw failure
      void reply.header('www-authenticate', 'Basic realm="Evegram operator: the password is the operator-token of the data folder", charset="UTF-8"')
      return reply.code(401).type('text/plain; charset=utf-8').send('The password is what the file operator-token in the data folder holds. The name does not matter.\n')
    }
    void reply.type('text/html; charset=utf-8')
    void reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
    return reply.send(operatorPage(names, await facts()))
  })
}

/** The password of basic credentials as a bearer token; everything else as it is. */
function bearerOf(authorization: string | undefined): string | undefined {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]{1,512})$/i.exec(authorization ?? '') ?? []
  if (encoded === undefined) return authorization
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  return `Bearer ${text.slice(text.indexOf(':') + 1)}`
}

/** Throws `auth.operator` unless `authorization` is `Bearer <operator token>`; compares in constant time. */
export function requireOperator(authorization: string | undefined, operatorToken: string): void {
  const given = /^Bearer (\S{1,128})$/.exec(authorization ?? '')?.[1] ?? ''
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  if (!timingSafeEqual(digest(given), digest(operatorToken))) throw new EvegramError('auth.operator', { operation: 'check operator token' })
}
