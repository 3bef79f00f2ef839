import {
  createAdminHttp, createHttp, createLogger, createMetrics, HealthChecks, InternalClient, isRequestVerdict, Lifecycle, listenOn, registerOpenApi, ServiceTokens, systemClock, systemRandom, waitFor,
  type Logger, type Metrics, type RunningService,
} from '@evegram/platform'
import { connectEventStream } from '@evegram/platform/nats'
import { EvegramError, parseAccountId, type Clock, type Random } from '@evegram/protocol'
import { HttpAuth } from './adapters/http/auth.js'
import { HttpNoticeSink, isNoticeVerdict } from './adapters/http/notice-sink.js'
import { parseChainName } from './chain/chain-adapter.js'
import { operatorTokensOf, readChainsFile, type ChainEntry, type ChainsFile } from './chains-file.js'
import {
  LEASE_SESSION_IDLE_MS, openPostgresLedger, postgresDatabase, PostgresChainIdentities, PostgresChainLeases, PostgresPayoutStore, PostgresRoutes, PostgresStatementStore,
  PostgresAlarmStore, PostgresCheckpoints, PostgresPayoutDecisions,
} from './ledger/postgres/index.js'
import { NoticeSigner } from './notices.js'
import { openChain, type Environment } from './open-chains.js'
import { Operators } from './operators.js'
import { printableWallySettings, type WallyProcessConfig } from './process-config.js'
import { createWally } from './wally.js'
import type { Wally } from './wally-parts.js'

/** Time to wait for each thing at the start, in ms. */
const WAIT_MS = 60_000
/** What each endpoint of a chain that the ledger does not know yet is waited for. */
const FIRST_ANSWER_MS = 10_000
/** Any account does to see whether auth answers. */
const NOBODY = parseAccountId('0'.repeat(32))

interface Shared {
  readonly config: WallyProcessConfig
  readonly file: ChainsFile
  readonly environment: Environment
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  readonly lifecycle: Lifecycle
}

/**
 * The wallet bridge as a process: waits for PostgreSQL, NATS and auth, then takes requests and works on the chains whose lease it gets. `environment`: variables that the
 * file of chains names. Rejects `invalid.config`, `incompatible.schema`, `unavailable.*`; the caller ends the process then.
 */
export async function startWallyProcess(config: WallyProcessConfig, environment: Environment, version: string): Promise<RunningService> {
  const [clock, random] = [systemClock(), systemRandom()]
  const log = createLogger({ level: config.logLevel, name: 'wally' })
  log.info({ settings: printableWallySettings(config), version }, 'starting')
  const metrics = createMetrics({ processMetrics: true })
  const lifecycle = new Lifecycle({ clock, log })
  const shared: Shared = { config, file: readChainsFile(config.chains), environment, clock, random, log, metrics, lifecycle }
  const wally = await addWally(shared).catch(async (failure: unknown): Promise<never> => {
    await lifecycle.stop()
    throw failure
  })
  const ports: Record<string, number> = {}
  const http = createHttp({
    log: log.child({ part: 'http' }), clock, random, metrics, publicUrl: config.publicUrl, allowedOrigins: config.allowedOrigins, trustedProxies: config.trustedProxies,
  })
  await registerOpenApi(http, { title: 'Evegram wallet bridge', version, description: 'Balances, transfers, deposits and withdrawals of one Evegram server.' })
  wally.routes(http)
  lifecycle.add({
    name: 'http', drain: () => http.close(),
    start: async () => { ports['http'] = await listenOn(http, { variable: 'EVEGRAM_HTTP_PORT', host: config.host, port: config.httpPort }) },
  })
  const health = new HealthChecks(clock)
  health.add('ready', 'process', () => (lifecycle.state === 'running' ? { ok: true } : { ok: false, reason: `the process is ${lifecycle.state}` }))
  health.add('ready', 'ledger', () => wally.ready())
  const admin = createAdminHttp({ log, clock, random, metrics, health })
  lifecycle.add({
    name: 'admin', stop: () => admin.close(),
    start: async () => { ports['admin'] = await listenOn(admin, { variable: 'EVEGRAM_ADMIN_PORT', host: '127.0.0.1', port: config.adminPort }) },
  })
  await lifecycle.start()
  log.info({ ports, chains: [...wally.chains.keys()] }, 'ready')
  return { ports, stop: async () => { await lifecycle.stop() } }
}

async function addWally({ config, file, environment, clock, random, log, metrics, lifecycle }: Shared): Promise<Wally> {
  const database = postgresDatabase(config.postgres)
  lifecycle.add({ name: 'PostgreSQL', stop: () => database.close() })
  // Leases keep their connections: they are no part of those that commit.
  const leases = postgresDatabase(config.postgres, { connectionsMax: file.chains.length, idleSessionMs: LEASE_SESSION_IDLE_MS })
  lifecycle.add({ name: 'leases in PostgreSQL', stop: () => leases.close() })
  const ledger = await waitFor({ what: 'PostgreSQL', clock, log, limitMs: WAIT_MS, ask: () => openPostgresLedger({ database, clock, random, synced: true }) })
  lifecycle.add({ name: 'ledger', stop: () => ledger.close() })
  const prefix = config.prefix === undefined ? {} : { prefix: config.prefix }
  const stream = await connectEventStream({ servers: config.nats, name: 'wally', log, clock, metrics, random, ...prefix })
  lifecycle.add({ name: 'NATS', stop: () => stream.close() })
  const tokens = new ServiceTokens({ name: 'wally', seed: config.serviceKey, clock })
  const client = new InternalClient({
    service: 'auth', urls: config.authUrls, tokens, clock, log, unavailable: 'unavailable.auth', passes: isRequestVerdict,
  })
  lifecycle.add({ name: 'calls of auth', stop: () => { client.close() } })
  // Not waited for: money does not stand still because nobody can be told of it.
  const engine = new InternalClient({ service: 'engine', urls: config.engineUrls, tokens, clock, log, unavailable: 'unavailable.server', passes: isNoticeVerdict })
  lifecycle.add({ name: 'calls of the engine', stop: () => { engine.close() } })
  const auth = new HttpAuth(client)
  await waitFor({ what: 'auth', clock, log, limitMs: WAIT_MS, ask: () => auth.owner(NOBODY) })
  const identities = new PostgresChainIdentities(database)
  const chains = []
  for (const entry of file.chains) {
    if (entry.endpoints.length === 1) log.warn({ chain: entry.chain }, 'one endpoint alone: all that it says is believed')
    const options = await openChain(entry, environment, { clock, random })
    await requireIdentity(entry, identities, async () => {
      for (const { name, adapter } of options.sources) await waitFor({ what: `${entry.chain} at ${name}`, clock, log, limitMs: FIRST_ANSWER_MS, ask: () => adapter.head() })
    })
    chains.push(options)
  }
  const wally = createWally({
    ledger, statements: new PostgresStatementStore(database), payouts: new PostgresPayoutStore(ledger, database), routes: new PostgresRoutes(database),
    decisions: new PostgresPayoutDecisions(ledger, database), alarms: new PostgresAlarmStore(database), checkpoints: new PostgresCheckpoints(database),
    leases: new PostgresChainLeases(leases), stream, notices: { signer: new NoticeSigner(config.serviceKey), sink: new HttpNoticeSink(engine) }, auth, chains, operators: new Operators({ tokens: operatorTokensOf(file), wallets: new Set(file.operatorWallets), auth }),
    depositSecret: config.secret, origin: config.publicUrl, decisionsNeedTwo: config.decisionsNeedTwo, clock, log, metrics,
  })
  lifecycle.add({ name: 'wallet bridge', start: () => wally.start(), stop: () => wally.stop() })
  return wally
}

/**
 * The books of a chain are about one chain for ever: the first time `answers` must resolve, by endpoints that compared the identity with what they say, so that a
 * wrong one is not written down. Rejects `invalid.config`, `unavailable.store`, and what `answers` rejects.
 */
async function requireIdentity({ chain: name, identity }: ChainEntry, identities: PostgresChainIdentities, answers: () => Promise<void>): Promise<void> {
  const chain = parseChainName(name)
  const known = await identities.known(chain)
  if (known === undefined) await answers()
  if ((known ?? await identities.claim(chain, identity)) === identity) return
  throw new EvegramError('invalid.config', { operation: 'open chain', details: { chain }, advice: `The books of ${chain} in this ledger are about another chain than the configured identity: use that one, or another database.` })
}
