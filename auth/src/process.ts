import {
  ACCOUNT_LEASE_MS, AUTH_INTERNAL_API, cassandraConfigOf, createAdminHttp, createHttp, createInternalHttp, createLogger, createMetrics, createNodePrimitives, HealthChecks,
  InternalClient, Lifecycle, listenOn, registerOpenApi, ServiceTokens, ServiceVerifier, systemClock, systemRandom, waitFor,
  type HttpServer, type Logger, type Metrics, type RunningService,
} from '@evegram/platform'
import { CassandraSession } from '@evegram/platform/cassandra'
import { connectNats } from '@evegram/platform/nats'
import { connectRedis } from '@evegram/platform/redis'
import { hexOf, type Clock, type Random } from '@evegram/protocol'
import { z } from 'zod'
import { AccountEvents } from './adapters/bus/account-events.js'
import { cassandraAuthStores, type CassandraAuthStores } from './adapters/cassandra/index.js'
import { httpContacts } from './adapters/http/contacts.js'
import { httpPushRegistry, isPushVerdict } from './adapters/http/push-registry.js'
import { authInternalRoutes } from './adapters/http/internal-routes.js'
import { RedisRateBuckets, RedisUsedProofs } from './adapters/redis/index.js'
import { createAuth, type Auth } from './auth.js'
import { authConfigOf, printableAuthSettings, socketUrlOf, type AuthProcessConfig } from './process-config.js'
import { responses } from './routes/schemas.js'
import { secretCalled } from './secrets.js'

/** What a lease of a node may last longer than it should: rates of clocks, and timers that are late. */
const LEASE_MARGIN_MS = 100
/** Time to wait for the store at the start, in ms, after it was connected to. */
const WAIT_MS = 60_000
/** Bytes that name a server. */
const SERVER_ID_BYTES = 16

const discoveryAnswer = z.looseObject({
  serverId: z.string(), domain: z.string(), origin: z.string(), ws: z.string(), auth: z.string(), network: z.string(), serverTimeMs: z.number(),
}).describe('The server, its places and its limits')

interface Shared {
  readonly config: AuthProcessConfig
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  readonly lifecycle: Lifecycle
}

/**
 * Auth as a process: waits for Cassandra, NATS and Redis, then takes requests. Resolves when it does. Rejects `invalid.config`, `incompatible.schema`,
 * `unavailable.*`; the caller ends the process then.
 */
export async function startAuthProcess(config: AuthProcessConfig, version: string): Promise<RunningService> {
  const [clock, random] = [systemClock(), systemRandom()]
  const log = createLogger({ level: config.logLevel, name: 'auth' })
  log.info({ settings: printableAuthSettings(config), version }, 'starting')
  const metrics = createMetrics({ processMetrics: true })
  const lifecycle = new Lifecycle({ clock, log })
  const shared: Shared = { config, clock, random, log, metrics, lifecycle }
  const { auth, events, stores } = await addAuth(shared)
  const ports: Record<string, number> = {}

  const internal = createInternalHttp({
    log: log.child({ part: 'internal' }), clock, random, metrics, url: config.internalUrl, api: AUTH_INTERNAL_API,
    verifier: new ServiceVerifier({ name: 'auth', keys: config.serviceKeys, clock }),
  })
  authInternalRoutes(internal, { auth, log })
  lifecycle.add({
    name: 'internal', stop: () => internal.close(),
    start: async () => { ports['internal'] = await listenOn(internal, { variable: 'EVEGRAM_INTERNAL_PORT', host: config.internalHost, port: config.internalPort }) },
  })
  const http = await publicHttp(shared, auth, { version, serverId: await waitFor({ what: 'secrets in Cassandra', clock, log, limitMs: WAIT_MS, ask: () => serverIdOf(stores, random) }) })
  lifecycle.add({
    name: 'http', drain: () => http.close(),
    start: async () => { ports['http'] = await listenOn(http, { variable: 'EVEGRAM_HTTP_PORT', host: config.host, port: config.httpPort }) },
  })
  const admin = createAdminHttp({ log, clock, random, metrics, health: healthOf(shared, events, stores) })
  lifecycle.add({
    name: 'admin', stop: () => admin.close(),
    start: async () => { ports['admin'] = await listenOn(admin, { variable: 'EVEGRAM_ADMIN_PORT', host: '127.0.0.1', port: config.adminPort }) },
  })
  await lifecycle.start()
  log.info({ ports }, 'ready')
  return { ports, stop: async () => { await lifecycle.stop() } }
}

async function addAuth({ config, clock, random, log, metrics, lifecycle }: Shared): Promise<{
  readonly auth: Auth
  readonly events: AccountEvents
  readonly stores: CassandraAuthStores
}> {
  const session = await CassandraSession.connect(cassandraConfigOf(config), { log, clock, metrics })
  lifecycle.add({ name: 'Cassandra', stop: () => session.close() })
  const stores = await waitFor({
    what: 'tables in Cassandra', clock, log, limitMs: WAIT_MS,
    ask: () => cassandraAuthStores({ session, clock, log, random, secretsKey: config.secretsKey }),
  })
  const prefix = config.prefix === undefined ? {} : { prefix: config.prefix }
  const bus = await connectNats({ servers: config.nats, name: 'auth', log, clock, metrics, random, ...prefix })
  lifecycle.add({ name: 'NATS', stop: () => bus.close() })
  const redis = await connectRedis({ url: config.redis, name: 'auth', log, clock, metrics, random })
  lifecycle.add({ name: 'Redis', stop: () => redis.close() })

  const events = new AccountEvents({ bus, clock, random, log, metrics })
  const secrets = <Result>(ask: () => Promise<Result>): Promise<Result> => waitFor({ what: 'secrets in Cassandra', clock, log, limitMs: WAIT_MS, ask })
  const inRedis = { redis, clock, log, metrics, secret: await secrets(() => secretCalled('shared-names-key', stores.secrets, random)), ...prefix }
  const shared = { rateBuckets: new RedisRateBuckets(inRedis), usedProofs: new RedisUsedProofs(inRedis) }
  const auth = await secrets(() => createAuth({
    config: authConfigOf(config), stores, clock, random, log, metrics, primitives: createNodePrimitives(),
    ...(config.push ? { push: { contact: config.pushContact ?? (config.publicUrl.startsWith('https:') ? config.publicUrl : undefined) } } : {}),
    shared, propagation: { flush: () => events.flush(), changeLeaseMs: ACCOUNT_LEASE_MS + LEASE_MARGIN_MS },
  }))
  const engines = new InternalClient({
    service: 'engine', urls: config.engineUrls, tokens: new ServiceTokens({ name: 'auth', seed: config.serviceKey, clock }), clock, log,
    unavailable: 'unavailable.server', passes: isPushVerdict,
  })
  auth.bindContacts(httpContacts(engines))
  auth.bindPush(httpPushRegistry(engines))
  events.follow(auth)
  lifecycle.add({ name: 'calls of the engine', stop: () => { engines.close() } })
  // Before the first request, so that no node misses the first event; said goodbye to after the last one.
  lifecycle.add({ name: 'account events', start: () => events.start(), stop: () => events.stop() })
  lifecycle.add({ name: 'auth', start: () => auth.start(), stop: () => auth.stop() })
  return { auth, events, stores }
}

async function publicHttp(
  { config, clock, random, log, metrics }: Shared, auth: Auth, { version, serverId }: { readonly version: string; readonly serverId: string },
): Promise<HttpServer> {
  const http = createHttp({
    log: log.child({ part: 'http' }), clock, random, metrics, publicUrl: config.publicUrl,
    allowedOrigins: config.allowedOrigins, trustedProxies: config.trustedProxies,
  })
  await registerOpenApi(http, { title: 'Evegram', version, description: 'Sign-in, account logs, sessions and prekeys of one Evegram server.' })
  await auth.routes(http)
  const schema = { tags: ['Discovery'], summary: 'Where everything is', response: responses(200, discoveryAnswer) }
  const wallyKey = config.serviceKeys.get('wally')
  const wally = { ...(config.wallyUrl === undefined ? {} : { wally: config.wallyUrl }), ...(wallyKey === undefined ? {} : { noticeKeys: [Buffer.from(wallyKey).toString('base64url')] }) }
  const blobs = config.blobsUrl === undefined ? {} : { blobs: config.blobsUrl }
  http.get('/.well-known/evegram', { schema }, async () => auth.discovery({ serverId, ws: socketUrlOf(config), auth: config.publicUrl, ...wally, ...blobs }))
  return http
}

function healthOf({ clock, lifecycle }: Shared, events: AccountEvents, stores: CassandraAuthStores): HealthChecks {
  const health = new HealthChecks(clock)
  health.add('ready', 'process', () => (lifecycle.state === 'running' ? { ok: true } : { ok: false, reason: `the process is ${lifecycle.state}` }))
  health.add('ready', 'bus', () => (events.brokerHeld() ? { ok: true } : { ok: false, reason: 'the broker does not answer' }))
  health.add('ready', 'store', async () => {
    await stores.secrets.read('server-id')
    return { ok: true }
  })
  return health
}

/** Names the deployment for ever, for clients to pin: made once, shared by all processes on one keyspace. */
async function serverIdOf(stores: CassandraAuthStores, random: Random): Promise<string> {
  return hexOf(await secretCalled('server-id', stores.secrets, random)).slice(0, SERVER_ID_BYTES * 2)
}
