import {
  cassandraConfigOf, createAdminHttp, createInternalHttp, createLogger, createMetrics, createServerPrimitives, HealthChecks, InternalClient, Lifecycle, listenOn,
  ServiceTokens, ServiceVerifier, systemClock, systemRandom, waitFor, AUTH_INTERNAL_API, ENGINE_INTERNAL_API,
  type Logger, type Metrics, type RunningService,
} from '@evegram/platform'
import { CassandraSession } from '@evegram/platform/cassandra'
import { connectNats } from '@evegram/platform/nats'
import { connectRedis } from '@evegram/platform/redis'
import { LIMITS, parseAccountId, type Clock, type Random } from '@evegram/protocol'
import { verifyEd25519 } from '@evegram/protocol/proof'
import { AccountChanges } from './adapters/bus/account-changes.js'
import { openCassandraEngineStore } from './adapters/cassandra/index.js'
import { HttpAccountDirectory, isTokenVerdict } from './adapters/http/account-directory.js'
import { engineInternalRoutes } from './adapters/http/internal-routes.js'
import { RedisInterest, RedisPresence, RedisPushClaims } from './adapters/redis/index.js'
import { selectSocketServer } from './adapters/select-socket-server.js'
import { StoreTime } from './adapters/store-time.js'
import { HttpPushCredentials } from './adapters/http/push-credentials.js'
import { WebPushSender } from './adapters/web-push/web-push-sender.js'
import { acceptedContacts } from './core/accepted-contacts.js'
import { IMPORTED_KEYS_MAX } from './config.js'
import { pushServicesOf } from './push-settings.js'
import { engineConfigOf, isForThisMachine, printableEngineSettings, type EngineProcessConfig } from './process-config.js'
import { createEngine, nodeTurn, type Engine } from './service.js'

/** Time to wait for each thing at the start, in ms. */
const WAIT_MS = 60_000
/** Time for what is behind the spread of a drain: sends on their way, stores. */
const STOP_MARGIN_MS = 4_500
/** Any account does to see whether auth answers. */
const NOBODY = parseAccountId('0'.repeat(32))

interface Shared {
  readonly config: EngineProcessConfig
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  readonly lifecycle: Lifecycle
}

/**
 * An engine node as a process: waits for Cassandra, NATS, Redis and auth, then takes connections. Resolves when it does. Rejects `invalid.config`,
 * `incompatible.schema`, `unavailable.*`; the caller ends the process then.
 */
export async function startEngineProcess(config: EngineProcessConfig, version: string): Promise<RunningService> {
  const [clock, random] = [systemClock(), systemRandom()]
  const log = createLogger({ level: config.logLevel, name: 'engine' })
  log.info({ settings: printableEngineSettings(config), version }, 'starting')
  const metrics = createMetrics({ processMetrics: true })
  const lifecycle = new Lifecycle({ clock, log })
  const shared: Shared = { config, clock, random, log, metrics, lifecycle }

  const storeTime = new StoreTime({ clock, log })
  const tokens = new ServiceTokens({ name: 'engine', seed: config.serviceKey, clock: storeTime })
  const auth = new InternalClient({ service: 'auth', urls: config.authUrls, tokens, clock, log, unavailable: 'unavailable.auth', passes: isTokenVerdict })
  lifecycle.add({ name: 'calls of auth', stop: () => { auth.close() } })
  const { engine, ports, store } = await addEngine(shared, auth)
  // Before auth is asked for the first time: a node may be started by a wrong clock.
  const unfollow = await storeTime.follow(() => store.nodeRegistry.referenceMs())
  lifecycle.add({ name: 'time of the store', stop: unfollow })
  const health = new HealthChecks(clock)
  health.add('ready', 'engine', () => {
    const ready = engine.ready()
    return ready.ok ? { ok: true } : { ok: false, reason: ready.reason }
  })
  health.add('ready', 'store', async () => {
    await store.nodeRegistry.referenceMs()
    return { ok: true }
  })

  const internal = createInternalHttp({
    log: log.child({ part: 'internal' }), clock, random, metrics, url: config.internalUrl, api: ENGINE_INTERNAL_API,
    verifier: new ServiceVerifier({ name: 'engine', keys: config.serviceKeys, clock: storeTime }),
  })
  engineInternalRoutes(internal, { contacts: acceptedContacts(store.envelopeLog), appendNotice: (notice) => engine.appendNotice(notice), pushes: engine })
  lifecycle.add({
    name: 'internal', stop: () => internal.close(),
    start: async () => { ports['internal'] = await listenOn(internal, { variable: 'EVEGRAM_INTERNAL_PORT', host: config.internalHost, port: config.internalPort }) },
  })
  const admin = createAdminHttp({ log, clock, random, metrics, health, moreMetrics: () => engine.metricsText() })
  lifecycle.add({
    name: 'admin', stop: () => admin.close(),
    start: async () => { ports['admin'] = await listenOn(admin, { variable: 'EVEGRAM_ADMIN_PORT', host: '127.0.0.1', port: config.adminPort }) },
  })
  await waitFor({
    what: 'auth', clock, log, limitMs: WAIT_MS,
    ask: () => auth.ask({ method: 'POST', path: AUTH_INTERNAL_API.accounts.path, body: { accounts: [NOBODY] }, answer: AUTH_INTERNAL_API.accounts.answer }),
  })
  await lifecycle.start()
  log.info({ ports }, 'ready')
  return { ports, stopWithinMs: config.drainSpreadMs + STOP_MARGIN_MS, stop: async () => { await lifecycle.stop() } }
}

async function addEngine(shared: Shared, auth: InternalClient): Promise<{
  readonly engine: Engine
  readonly ports: Record<string, number>
  readonly store: Awaited<ReturnType<typeof openCassandraEngineStore>>
}> {
  const { config, clock, random, log, metrics, lifecycle } = shared
  const settings = engineConfigOf(config)
  const session = await CassandraSession.connect(cassandraConfigOf(config), { log, clock, metrics })
  lifecycle.add({ name: 'Cassandra', stop: () => session.close() })
  const store = await waitFor({ what: 'tables in Cassandra', clock, log, limitMs: WAIT_MS, ask: () => openCassandraEngineStore({ session, clock, log }) })
  const prefix = config.prefix === undefined ? {} : { prefix: config.prefix }
  const bus = await connectNats({ servers: config.nats, name: 'engine', log, clock, metrics, random, ...prefix })
  lifecycle.add({ name: 'NATS', stop: () => bus.close() })
  const redis = await connectRedis({ url: config.redis, name: 'engine', log, clock, metrics, random })
  lifecycle.add({ name: 'Redis', stop: () => redis.close() })

  const changes = new AccountChanges({ bus, clock, log, metrics })
  const sockets = await selectSocketServer(
    {
      host: settings.host, port: settings.port, sharesPort: config.sharesPort, messageBytesMax: LIMITS.frameBytesMax, outboundBytesMax: LIMITS.outboundBytesMax,
      idleTimeoutMs: LIMITS.heartbeatMs * 2 + 5_000, connectionsMax: settings.connectionsMax,
      allowedHosts: settings.allowedHosts, allowedOrigins: settings.allowedOrigins,
    },
    config.sockets === 'auto' ? undefined : config.sockets,
  )
  const primitives = createServerPrimitives(IMPORTED_KEYS_MAX)
  const noticeKey = config.serviceKeys.get('wally')
  const pushSender = config.push ? new WebPushSender({ services: pushServicesOf(config.pushServices, isForThisMachine(config)), credentials: new HttpPushCredentials(auth), clock }) : undefined
  if (pushSender !== undefined) lifecycle.add({ name: 'push services', stop: () => { pushSender.close() } })
  const engine = createEngine({
    config: settings, clock, random, logger: log, log: store.envelopeLog, marks: store.marks, membership: store.membership, channelLog: store.channelLog, registry: store.nodeRegistry,
    presence: new RedisPresence({ redis, ...prefix }), interest: new RedisInterest({ redis, ...prefix }), directory: new HttpAccountDirectory({ client: auth, changes, turn: nodeTurn }), bus, sockets,
    ed25519Verify: (publicKey, message, signature) => verifyEd25519(primitives, publicKey, message, signature) === 'valid',
    ...(noticeKey === undefined ? {} : { noticeKeys: [noticeKey] }),
    ...(pushSender === undefined ? {} : { push: { subscriptions: store.pushSubscriptions, claims: new RedisPushClaims({ redis, ...prefix }), sender: pushSender } }),
  })
  const ports: Record<string, number> = {}
  // Changes before connections: who is let in is let in by what is heard.
  lifecycle.add({ name: 'account changes', start: () => changes.start(), stop: () => { changes.stop() } })
  lifecycle.add({
    name: 'engine', drain: () => engine.drain(), stop: () => engine.stop(), drainTimeoutMs: config.drainSpreadMs + STOP_MARGIN_MS,
    start: async () => { ports['ws'] = await engine.start() },
  })
  return { engine, ports, store }
}
