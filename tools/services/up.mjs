// Starts what is not running, waits until all of it answers, and says where it is.
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canInstallRedis, installRedis } from './apt-redis.mjs'
import { cacheDir } from './cache.mjs'
import { CASSANDRA_DATA_CENTER, CASSANDRA_VERSION, fetchCassandraJars, planCassandra } from './cassandra.mjs'
import { buildChains, CHAINS, chainSettings, planChains, requireTerraNode } from './chains.mjs'
import { composeUp, hasDocker, planDocker } from './docker.mjs'
import { waitUntilHealthy } from './health.mjs'
import { layoutOf, requireFree } from './layout.mjs'
import { buildNatsServer, NATS_VERSION, planNats } from './nats.mjs'
import { killNoted, startNoted } from './noted.mjs'
import { fetchPostgres, initPostgres, planPostgres, POSTGRES_VERSION } from './postgres.mjs'
import { findingLines, loopbackHosts, preflight } from './preflight.mjs'
import { isRunning } from './process-identity.mjs'
import { planRedis, redisUrl } from './redis.mjs'
import { buildS3Server, planS3, S3_VERSION, s3Settings } from './s3.mjs'
import { readState, removeState, withState, writeState } from './state.mjs'

/** Nothing is acknowledged before it is on the disk; Redis holds nothing that must be. */
export const DEFAULT_SETTINGS = { commitlogSync: 'group', natsSync: 'always', redisSync: 'off' }
/** The services that this release uses. */
export const KINDS = ['cassandra', 'nats', 'redis', 'postgres', 's3']

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Something is missing on this machine; the lines say what and how to get it. */
export class MissingTools extends Error {
  constructor(findings) {
    super(`this machine lacks what the services need:\n${findingLines(findings).join('\n')}`)
    this.name = 'MissingTools'
  }
}

/**
 * Brings up `kinds` with `nodes` (1 or 3) of each in the folder `dir` (of PostgreSQL and S3 always one); a no-op that checks their health when they run. `settings` is `{commitlogSync,
 * natsSync, redisSync}`, `asked` what --only named, `native` never asks Docker; `terraNode` makes Terra's chain a real node; `hosts` are other addresses for the nodes of Cassandra, and
 * `enclose({name, start})` another recipe for a process, which then is not asked for its port from here. Resolves with the state. What this call started is ended again when it fails or `abort` (a signal) fires.
 */
export async function up({ nodes, dir, kinds = KINDS, settings, say, asked = [], native = false, terraNode = false, environment = process.env, abort = new AbortController().signal, hosts = loopbackHosts(nodes), enclose = ({ start }) => start }) {
  if (asked.some((kind) => !KINDS.includes(kind) && !CHAINS.includes(kind))) throw new MissingTools((await preflight({ kinds: [], nodes, cache: cacheDir(environment), environment, asked })).findings)
  mkdirSync(dir, { recursive: true })
  return withState(dir, async () => {
    const before = readState(dir)
    requireSame(before, nodes, settings)
    const alive = (before?.processes ?? []).filter((noted) => noted.container !== undefined || isRunning(noted))
    if (terraNode) requireTerraNode(alive, dir)
    const wanted = [...new Set([...alive.map(serviceOf), ...kinds])]
    const work = join(dir, `nodes-${nodes}`)
    const mode = before !== undefined && alive.length > 0 ? before.mode : !native && (await hasDocker()) ? 'docker' : 'native'
    const absent = wanted.filter((kind) => !isComplete({ alive, kind, nodes, mode }))
    const state = { mode, nodes, dir, settings, versions: before?.versions ?? {}, env: {}, processes: [...alive] }
    const start = mode === 'docker' ? startContainers : startNatively
    const started = []
    try {
      if (absent.length > 0) await start({ state, started, kinds: wanted, absent, work, say, environment, abort, hosts, enclose, terraNode })
      await waitForAll(state, started, say, abort)
    } catch (error) {
      if (started.length > 0) say('ending what this command started')
      await Promise.all(started.map((noted) => killNoted(noted)))
      if (alive.length > 0) writeState(dir, { ...state, env: before.env, processes: alive })
      else if (mode === 'native') removeState(dir)
      throw error
    }
    if (absent.length === 0) say('already up, and healthy')
    state.env = environmentOf(state)
    writeState(dir, state)
    return state
  }, (holder) => say(`another command (process ${holder}) is changing the services; waiting`))
}

const DOCKER = { name: 'Docker', state: 'unneeded', detail: 'where "docker info" answers, none of this is needed' }

/** The settings under which services find these. */
export function environmentOf({ nodes, processes }) {
  const addresses = (kind, prefix = '') => processes.filter((noted) => noted.kind === kind).map(({ address }) => prefix + address)
  const cassandra = addresses('cassandra')
  const nats = addresses('nats', 'nats://')
  const redis = redisUrl(processes)
  const postgres = processes.find(({ kind }) => kind === 'postgres')?.url
  const s3 = processes.find(({ kind }) => kind === 's3')
  return {
    ...(cassandra.length === 0 ? {} : {
      EVEGRAM_CASSANDRA: cassandra.join(','), EVEGRAM_CASSANDRA_DC: CASSANDRA_DATA_CENTER,
      EVEGRAM_CASSANDRA_REPLICATION: nodes === 1 ? '1' : `${CASSANDRA_DATA_CENTER}:${nodes}`,
    }),
    ...(nats.length === 0 ? {} : { EVEGRAM_NATS: nats.join(',') }),
    ...(redis === undefined ? {} : { EVEGRAM_REDIS: redis }),
    ...(postgres === undefined ? {} : { EVEGRAM_POSTGRES: postgres }),
    ...(s3 === undefined ? {} : s3Settings(s3)),
    ...chainSettings(processes),
  }
}

/** The service that a process belongs to: sentinels come and go with Redis. */
function serviceOf({ kind }) {
  return kind === 'sentinel' ? 'redis' : kind
}

/** How many processes of a service belong to `nodes`. Containers have no sentinels: these would name addresses that only containers can reach. */
function countOf(service, nodes, mode) {
  if (service === 'postgres' || service === 's3' || CHAINS.includes(service)) return 1
  if (service !== 'redis' || nodes === 1) return nodes
  return mode === 'docker' ? 2 : 2 + nodes
}

function isComplete({ alive, kind, nodes, mode }) {
  return alive.filter((noted) => serviceOf(noted) === kind).length === countOf(kind, nodes, mode)
}

function requireSame(before, nodes, settings) {
  if (before === undefined || !before.processes.some((noted) => noted.container !== undefined || isRunning(noted))) return
  const differs = before.nodes !== nodes ? `${before.nodes} node${before.nodes === 1 ? '' : 's'}` :
    Object.keys(settings).filter((name) => before.settings[name] !== settings[name]).map((name) => `${name} ${before.settings[name]}`).join(', ')
  if (differs !== '') throw new Error(`services with ${differs} run in ${before.dir}: run "npm run services -- down" first, or use another folder (--dir)`)
}

async function startNatively({ state, started, kinds, absent, work, say, environment, abort, hosts, enclose, terraNode }) {
  const cache = usableCache(state.dir, environment, say)
  const { tools, findings } = await requireTools({ kinds: absent, nodes: state.nodes, cache, environment }, say)
  const [jars, server, s3Server, postgresBin, node] = await Promise.all([
    absent.includes('cassandra') ? fetchCassandraJars(cache, tools, say, abort) : undefined,
    absent.includes('nats') ? buildNatsServer(cache, tools, say, abort) : undefined,
    absent.includes('s3') ? buildS3Server(cache, tools, say, abort) : undefined,
    absent.includes('postgres') ? tools.postgresBin ?? fetchPostgres(cache, tools, say, abort) : undefined,
    absent.some(isChain) ? buildChains(say, { terraNode: terraNode && absent.includes('terra'), cache, abort, environment }) : undefined,
  ])
  abort.throwIfAborted()
  const layout = await layoutOf(work, state.nodes)
  const { settings } = state
  const postgres = postgresBin === undefined ? undefined : { ...layout.postgres, dir: work, bin: postgresBin, setpriv: tools.setpriv }
  if (postgres !== undefined) await initPostgres(postgres, say, abort)
  const plan = [
    ...(jars === undefined ? [] : planCassandra({
      hosts, nativePort: layout.cassandra.native, storagePort: layout.cassandra.storage, dir: work, java: tools.java, jars,
      commitlogSync: settings.commitlogSync,
    })),
    ...(server === undefined ? [] : planNats({ ports: layout.nats, dir: work, server, syncInterval: settings.natsSync })),
    ...(absent.includes('redis') ? planRedis({ ports: layout.redis, sentinels: layout.sentinels, dir: work, server: tools.redis, sync: settings.redisSync }) : []),
    ...(postgres === undefined ? [] : planPostgres(postgres)),
    ...(s3Server === undefined ? [] : planS3({ ...layout.s3, dir: work, server: s3Server })),
    ...planChains({ kinds: absent, ports: layout.chains, dir: work, terraNode: node?.path }),
  ]
  const foundVersion = (name) => findings.find((finding) => finding.name.startsWith(name))?.detail.split(' ')[0]
  const versions = { cassandra: CASSANDRA_VERSION, nats: NATS_VERSION, redis: foundVersion('Redis'), postgres: tools.postgresBin === undefined ? POSTGRES_VERSION : foundVersion('PostgreSQL'), s3: `versitygw ${S3_VERSION}`, ...chainVersions(node) }
  for (const kind of absent) state.versions[kind] = versions[kind]
  await startPlanned(plan, { state, started, kinds, say, enclose })
}

/** Starts the planned processes that do not run, one after the other. */
async function startPlanned(plan, { state, started, kinds, say, enclose }) {
  for (const { folders, files, ...planned } of plan) {
    if (state.processes.some(({ name }) => name === planned.name)) continue
    const noted = { ...planned, start: enclose(planned) }
    // The address of an enclosed process is none of this machine's.
    if (noted.start === planned.start) await requireFree(noted.address, state.dir)
    for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const { path, text } of files) writeFileSync(path, text, { mode: 0o600 })
    const running = { ...noted, ...(await startNoted(noted)) }
    say(`started ${noted.name} (process ${running.pid})`)
    started.push(running)
    state.processes.push(running)
    // Written at once: whatever happens to this command, `down` finds what it started.
    writeState(state.dir, state)
  }
  const order = (noted) => kinds.indexOf(serviceOf(noted))
  state.processes.sort((a, b) => order(a) - order(b) || a.name.localeCompare(b.name))
}

/** The cache, or a folder beside the data where there can be none. */
function usableCache(dir, environment, say) {
  const cache = cacheDir(environment)
  try {
    mkdirSync(cache, { recursive: true })
    accessSync(cache, constants.W_OK)
    return cache
  } catch (error) {
    say(`no cache at ${cache} (${error.code}); using the data folder`)
    return join(dir, 'cache')
  }
}

/** The tools of this machine; Redis is installed where that needs nobody's leave. Rejects with `MissingTools` that names all that is missing. */
async function requireTools(options, say) {
  const isMissing = ({ state }) => state === 'missing'
  const first = await preflight(options)
  const missing = first.findings.filter(isMissing)
  if (missing.length === 0) return first
  const canInstall = missing.length === 1 && missing[0].name.startsWith('Redis') && !options.environment['EVEGRAM_REDIS_SERVER'] && canInstallRedis()
  // Everything at once, with the other way beside it.
  if (!canInstall) throw new MissingTools([...first.findings, DOCKER])
  const server = await installRedis(options.cache, say)
  const second = await preflight({ ...options, environment: { ...options.environment, EVEGRAM_REDIS_SERVER: server } })
  if (second.findings.some(isMissing)) throw new MissingTools(second.findings)
  return second
}

async function startContainers({ state, started, kinds, absent, work, say, environment, abort, enclose, terraNode }) {
  const layout = await layoutOf(work, state.nodes)
  const plan = planDocker({ root, dir: state.dir, nodes: state.nodes, kinds, layout, settings: state.settings })
  state.processes = [...plan, ...state.processes.filter(({ container }) => container === undefined)]
  state.versions = Object.fromEntries(kinds.map((kind) => [kind, isChain(kind) ? 'of this release' : 'as in compose.yaml']))
  abort.throwIfAborted()
  writeState(state.dir, state)
  if (plan.length > 0) await composeUp({ root, dir: state.dir, nodes: state.nodes, plan }, say, abort)
  if (!absent.some(isChain)) return
  const node = await buildChains(say, { terraNode: terraNode && absent.includes('terra'), cache: usableCache(state.dir, environment, say), abort, environment })
  Object.assign(state.versions, chainVersions(node))
  await startPlanned(planChains({ kinds: absent, ports: layout.chains, dir: work, terraNode: node?.path }), { state, started, kinds, say, enclose })
}

/** What the chains are: programs of this release, and for Terra the node that was asked for. */
function chainVersions(node) {
  return { ...Object.fromEntries(CHAINS.map((name) => [name, 'of this release'])), ...(node === undefined ? {} : { terra: `terrad ${node.version}` }) }
}

function isChain(kind) {
  return CHAINS.includes(kind)
}

async function waitForAll(state, started, say, abort) {
  const aborted = new Promise((_, reject) => {
    abort.addEventListener('abort', () => reject(new Error('interrupted')), { once: true })
  })
  const isNew = (noted) => noted.container !== undefined || started.includes(noted)
  await Promise.race([aborted, Promise.all(state.processes.map((noted) => waitUntilHealthy(noted, state.nodes, isNew(noted) ? say : () => {})))])
}
