// Route schemas carry the fields of the API description.
import type {} from '@fastify/swagger'
import { createBlobService, DiskBlobStore, LocalBlobQuota, type BlobService } from '@evegram/blobs'
import { createAuth, fileSecretStore, lmdbAuthStores, openAuthEnvironment, type Auth } from '@evegram/auth'
import {
  acceptedContacts, createEngine, engineConfig, DEFAULT_RATES, HELLOS_PER_SECOND_DEFAULT, IMPORTED_KEYS_MAX, MemoryInterest, MemoryPresence, MemoryPushClaims, openEngineStore, pushServicesOf, scaledRates, selectSocketServer, WebPushSender,
  type Engine,
} from '@evegram/engine'
import {
  createHttp, createLogger, createMetrics, createNodePrimitives, createServerPrimitives, HealthChecks, Lifecycle, lockFolder, MemoryBroker, systemClock, systemRandom, registerOpenApi,
  type HttpServer, type Logger, type Metrics,
} from '@evegram/platform'
import { EvegramError, LIMITS } from '@evegram/protocol'
import { verifyEd25519 } from '@evegram/protocol/proof'
import { accountDirectoryOf } from './account-directory.js'
import { addWally, type StandaloneWally } from './add-wally.js'
import { createAdmin } from './admin.js'
import { printableSettings, publicNames, type PublicNames, type StandaloneConfig } from './config.js'
import { announceAdmin, openDataFolder, type DataFolder } from './data-folder.js'
import { settlePort } from './free-port.js'
import { localChainRoutes } from './local-chain-routes.js'
import { readPageFiles, type PageFile } from './page-files.js'
import { pageRoutes } from './page-routes.js'
import { playRoutes } from './play-routes.js'
import { startPage } from './start-page.js'
import { tonBridgesOf, type TonBridge } from './ton-bridges.js'
import type { WallyOutcome, WallyStart } from './wally-start.js'

const clock = systemClock()
const random = systemRandom()
/** Frames in one WebSocket message, packed by a client, may fill this many bytes. */
const MESSAGE_BYTES_MAX = LIMITS.frameBytesMax

/** A running server. */
export interface Standalone {
  readonly names: PublicNames
  readonly adminUrl: string
  /** Where it listens; with 0 in the settings, what was free. */
  readonly ports: { readonly http: number; readonly ws: number; readonly admin: number }
  /** Which socket tier runs and why. */
  readonly sockets: string
  readonly dataDir: string
  /** How the start of the wallet bridge, which comes up beside the server, ended; undefined for a server without one. Never rejects. */
  readonly walletBridge: Promise<WallyOutcome> | undefined
  /** Drains and stops everything; never throws. */
  stop(): Promise<void>
}

/**
 * Puts every service together on embedded stores and starts it. Resolves when it accepts connections; the wallet bridge comes up beside it. Rejects with `invalid.config`,
 * `conflict.data_in_use`, `incompatible.schema` (nothing is left running) or `unavailable.*`.
 */
export async function startStandalone(config: StandaloneConfig, version: string): Promise<Standalone> {
  const lock = lockFolder(config.dataDir)
  const parts: { lifecycle?: Lifecycle } = {}
  try {
    const folder = openDataFolder(config.dataDir)
    const log = createLogger({ level: config.logLevel, name: 'evegram', to: config.logToFile ? { file: folder.logFile } : 'stderr' })
    log.info({ settings: printableSettings(config), version }, 'starting')
    const httpPort = await settlePort('EVEGRAM_HTTP_PORT', config.host, config.httpPort)
    const wsPort = await settlePort('EVEGRAM_WS_PORT', config.host, config.wsPort)
    const adminPort = await settlePort('EVEGRAM_ADMIN_PORT', '127.0.0.1', config.adminPort)
    const names = publicNames(config, httpPort, wsPort)

    const lifecycle = new Lifecycle({ clock, log })
    parts.lifecycle = lifecycle
    lifecycle.add({ name: 'data folder', stop: () => lock.release() })
    const metrics = createMetrics({ processMetrics: true })
    const health = new HealthChecks(clock)
    const auth = await addAuth(lifecycle, { config, folder, names, log, metrics })
    const blobs = addBlobs(lifecycle, { config, folder, names, log, auth, metrics })
    const running: { engine?: Engine } = {}
    const notices = { append: (notice: Uint8Array) => appendNotice(running.engine, notice) }
    const wally = config.wally ? await addWally(lifecycle, { config, folder, origin: names.origin, auth, notices, clock, random, log, metrics }) : undefined
    if (wally !== undefined) health.add('ready', 'wallet bridge', () => wally.start.missing ?? wally.wally.ready())
    const { engine, sockets } = await addEngine(lifecycle, { config, folder, names, log, auth, wsPort, noticeKeys: wally === undefined ? [] : [wally.noticeKey] })
    running.engine = engine
    health.add('ready', 'engine', () => {
      const ready = engine.ready()
      return ready.ok ? { ok: true } : { ok: false, reason: ready.reason }
    })
    const http = createHttp({
      log: log.child({ part: 'http' }), clock, random, metrics, publicUrl: config.publicUrl,
      allowedOrigins: config.allowedOrigins, trustedProxies: config.trustedProxies,
    })
    const files = config.webDir === undefined ? [] : readPageFiles(config.webDir)
    await addPublicRoutes(http, { auth, engine, blobs, wally, folder, names, sockets, version, health, isLocal: config.isLocal, files, frameAncestors: config.frameAncestors, tonBridges: tonBridgesOf(config.tonBridges, config.isLocal) })
    lifecycle.add({ name: 'http', start: async () => { await http.listen({ host: config.host, port: httpPort }) }, drain: () => http.close() })
    const admin = createAdmin({ log, clock, random, metrics, health, engine, wally, folder, names: { domain: names.domain, version } })
    lifecycle.add({ name: 'admin', start: async () => { await admin.listen({ host: '127.0.0.1', port: adminPort }) }, stop: () => admin.close() })
    const adminUrl = `http://localhost:${String(adminPort)}`
    // Behind the listener, which must be there when somebody reads it, and gone before it.
    const announced: { remove?: () => void } = {}
    lifecycle.add({ name: 'announcement', start: () => { announced.remove = announceAdmin(folder.path, adminUrl) }, drain: () => { announced.remove?.() } })
    await lifecycle.start()
    // Behind everything else: a ledger that is made takes as much of the machine as it gets.
    wally?.start.begin()
    return {
      walletBridge: wally?.start.outcome, names, sockets, ports: { http: httpPort, ws: wsPort, admin: adminPort }, dataDir: folder.path, adminUrl,
      stop: async () => { await lifecycle.stop() },
    }
  } catch (failure) {
    await parts.lifecycle?.stop()
    lock.release()
    throw failure
  }
}

/** The wallet bridge is put together before the engine and begins behind it: what it tells in between waits. */
async function appendNotice(engine: Engine | undefined, notice: Uint8Array): Promise<void> {
  if (engine === undefined) throw new EvegramError('unavailable.draining', { operation: 'append notice' })
  await engine.appendNotice(notice)
}

interface Shared {
  readonly config: StandaloneConfig
  readonly folder: DataFolder
  readonly names: PublicNames
  readonly log: Logger
}

async function addAuth(lifecycle: Lifecycle, { config, folder, names, log, metrics }: Shared & { readonly metrics: Metrics }): Promise<Auth> {
  const environment = openAuthEnvironment(folder.authDir)
  lifecycle.add({ name: 'account store', stop: () => environment.close() })
  const auth = await createAuth({
    config: { domain: names.domain, origin: names.origin, network: config.network, rateFactor: config.rateFactor },
    stores: { ...lmdbAuthStores(environment), secrets: fileSecretStore(folder.secretsDir) },
    clock, random, log: log.child({ part: 'auth' }), metrics, primitives: createNodePrimitives(),
    // Push services ask for a way to reach the operator; a server for its own machine has none.
    ...(config.push ? { push: { contact: config.pushContact ?? (names.origin.startsWith('https:') ? names.origin : undefined) } } : {}),
  })
  lifecycle.add({ name: 'auth', start: () => auth.start(), stop: () => auth.stop() })
  return auth
}

function addBlobs(lifecycle: Lifecycle, { config, folder, names, log, auth, metrics }: Shared & { readonly auth: Auth; readonly metrics: Metrics }): BlobService {
  const blobs = createBlobService({
    store: new DiskBlobStore({ folder: folder.blobsDir }), quota: new LocalBlobQuota(clock, { bytesPerDay: config.blobBytesPerDay * config.rateFactor, blobsPerDay: config.blobsPerDay * config.rateFactor }),
    auth: {
      callerOf: async ({ token, ...request }) => {
        const { account, device } = await auth.verifyRequest({ token, ...request }, 'blobs')
        return { account, device }
      },
    },
    origin: names.origin, blobBytesMax: config.blobBytesMax, clock, log: log.child({ part: 'blobs' }), metrics,
  })
  lifecycle.add({ name: 'files', start: () => { blobs.start() }, stop: () => blobs.stop() })
  return blobs
}

async function addEngine(
  lifecycle: Lifecycle, { config, folder, names, log, auth, wsPort, noticeKeys }: Shared & { readonly auth: Auth; readonly wsPort: number; readonly noticeKeys: readonly Uint8Array[] },
): Promise<{ readonly engine: Engine; readonly sockets: string }> {
  const store = openEngineStore({ dir: folder.logDir, clock })
  lifecycle.add({ name: 'message store', stop: () => store.close() })
  auth.bindContacts(acceptedContacts(store.envelopeLog))
  const loopbackHosts = ['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${String(wsPort)}`)
  const publicHost = config.publicUrl === undefined ? [] : [new URL(names.ws).host, new URL(config.publicUrl).host]
  const ownOrigins = [names.origin, ...(config.publicUrl === undefined ? [names.origin.replace('localhost', '127.0.0.1')] : [])]
  const sockets = await selectSocketServer(
    {
      host: config.host, port: wsPort, messageBytesMax: MESSAGE_BYTES_MAX, outboundBytesMax: LIMITS.outboundBytesMax,
      idleTimeoutMs: LIMITS.heartbeatMs * 2 + 5_000, connectionsMax: config.connectionsMax,
      allowedHosts: [...loopbackHosts, ...publicHost], allowedOrigins: [...ownOrigins, ...config.allowedOrigins],
    },
    config.sockets === 'auto' ? undefined : config.sockets,
  )
  const primitives = createServerPrimitives(IMPORTED_KEYS_MAX)
  const pushSender = config.push ? new WebPushSender({ services: pushServicesOf(config.pushServices, config.isLocal), credentials: { forOrigin: (origin) => auth.pushToken(origin) }, clock }) : undefined
  if (pushSender !== undefined) lifecycle.add({ name: 'push services', stop: () => { pushSender.close() } })
  const engine = createEngine({
    config: engineConfig({
      origin: names.origin, drainSpreadMs: DRAIN_SPREAD_MS,
      rates: scaledRates(DEFAULT_RATES, config.rateFactor), hellosPerSecond: HELLOS_PER_SECOND_DEFAULT * config.rateFactor,
    }),
    clock, random, logger: log.child({ part: 'engine' }),
    log: store.envelopeLog, marks: store.marks, membership: store.membership, channelLog: store.channelLog, registry: store.nodeRegistry,
    presence: new MemoryPresence(clock), interest: new MemoryInterest(clock), directory: accountDirectoryOf(auth), bus: new MemoryBroker({ log }).connect(), sockets,
    ed25519Verify: (publicKey, message, signature) => verifyEd25519(primitives, publicKey, message, signature) === 'valid', noticeKeys,
    ...(pushSender === undefined ? {} : { push: { subscriptions: store.pushSubscriptions, claims: new MemoryPushClaims(clock), sender: pushSender } }),
  })
  auth.bindPush({ subscribe: (...subscription) => engine.subscribeToPushes(...subscription), unsubscribe: (device) => engine.unsubscribeFromPushes(device) })
  lifecycle.add({ name: 'engine', start: async () => { await engine.start() }, drain: () => engine.drain(), stop: () => engine.stop() })
  return { engine, sockets: sockets.description }
}

/** Where the facts of the server and what to try are. */
const START_PAGE_PATH = '/start'

/** One process has no other node to spread clients to: they are told to come back within this time. */
const DRAIN_SPREAD_MS = 1_000

async function addPublicRoutes(http: HttpServer, parts: {
  readonly auth: Auth
  readonly engine: Engine
  readonly blobs: BlobService
  readonly wally: StandaloneWally | undefined
  readonly folder: DataFolder
  readonly names: PublicNames
  readonly sockets: string
  readonly version: string
  readonly health: HealthChecks
  readonly isLocal: boolean
  /** Of the built page; none where there is no page. */
  readonly files: readonly PageFile[]
  readonly frameAncestors: readonly string[]
  readonly tonBridges: readonly TonBridge[]
}): Promise<void> {
  const { auth, engine, blobs, wally, folder, names, sockets, version, health, isLocal, files, frameAncestors, tonBridges } = parts
  const upSinceMs = clock.now()
  await registerOpenApi(http, { title: 'Evegram', version, description: 'Sign-in, account logs, sessions, prekeys, files and the wallet bridge of one Evegram server.' })
  await auth.routes(http)
  await blobs.routes(http)
  if (wally !== undefined) {
    requireLedger(http, wally.start)
    wally.wally.routes(http)
    playRoutes(http, { network: wally.play, isLocal })
    if (isLocal) localChainRoutes(http, wally.local)
  }
  http.get('/.well-known/evegram', { schema: { tags: ['Discovery'], summary: 'Where everything is' } }, async () =>
    auth.discovery({ serverId: folder.serverId, ws: names.ws, auth: names.origin, blobs: names.origin, ...(wally === undefined ? {} : { wally: names.origin, noticeKeys: [Buffer.from(wally.noticeKey).toString('base64url')] }) }))
  pageRoutes(http, { files, origin: names.origin, ws: names.ws, frameAncestors, tonBridges })
  // With a page at `/` the facts of the server stay here.
  for (const path of files.length === 0 ? ['/', START_PAGE_PATH] : [START_PAGE_PATH]) http.get(path, { schema: { hide: true } }, async (_request, reply) => {
    void reply.type('text/html; charset=utf-8')
    void reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
    const { ok, checks } = await health.report('ready')
    return reply.send(startPage({
      domain: names.domain, origin: names.origin, ws: names.ws, version, sockets, upSinceMs, nowMs: clock.now(),
      connections: engine.metrics.connections.value, messagesStored: engine.metrics.appended.value, missing: ok ? undefined : checks.flatMap(({ reason }) => reason ?? []).join('; '), faucet: isLocal && wally !== undefined,
    }))
  })
}

/** Money waits for the ledger; chat does not. What is asked of the wallet bridge meanwhile was not looked at: the same may be asked again. */
function requireLedger(http: HttpServer, start: WallyStart): void {
  http.addHook('onRequest', async (request) => {
    if (request.routeOptions.url?.startsWith('/v1/wally') === true) start.require()
  })
}
