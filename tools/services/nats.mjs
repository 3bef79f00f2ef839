// NATS by Go, always this version: one found in PATH may be years old and lack what JetStream is asked for.
import { request } from 'node:http'
import { join } from 'node:path'
import { cached, entryName, isWhole } from './cache.mjs'
import { askByLines } from './line-probe.mjs'
import { runTool } from './run-tool.mjs'

/** The version that is built. */
export const NATS_VERSION = '2.15.2'
/** Time to become ready. */
export const NATS_READY_MS = 60_000

/** A minute on a quiet machine; six were measured on two cores with twenty others at work. */
const BUILD_MS_MAX = 1_200_000
const PROBE_MS = 3_000
const MODULE = `github.com/nats-io/nats-server/v2@v${NATS_VERSION}`
const BINARY = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server'

const entry = () => entryName(`nats-server-${NATS_VERSION}`, MODULE, process.platform, process.arch)

/** Whether the server is in the cache, so that Go is not needed. */
export function hasNatsServer(cache) {
  return isWhole(cache, entry())
}

/** The path of the server, built when it is not in the cache. */
export async function buildNatsServer(cache, { go }, say, abort) {
  const folder = await cached(cache, entry(), async (aside) => {
    say(`building nats-server ${NATS_VERSION} by Go (a minute, once)`)
    await runTool(go, ['install', MODULE], {
      cwd: aside, timeoutMs: BUILD_MS_MAX, abort, env: { GOBIN: aside, GOOS: '', GOARCH: '', GOWORK: 'off' },
      say: (elapsed) => say(`still building nats-server (${elapsed} s)`),
    })
  }, say)
  return join(folder, BINARY)
}

/** The configuration of server `index` (from 0). `syncInterval` is how often JetStream syncs its files: a duration, or `always` (before each ack). */
export function renderNatsConf({ index, ports, dir, syncInterval }) {
  const { client, monitor, route } = ports[index]
  return [
    `server_name: nats-${index + 1}`,
    `listen: 127.0.0.1:${client}`,
    `http: 127.0.0.1:${monitor}`,
    `jetstream { store_dir: ${JSON.stringify(dir)}, max_memory_store: 256MB, max_file_store: 4GB, sync_interval: ${JSON.stringify(syncInterval)} }`,
    ...(ports.length === 1 ? [] : [
      `cluster { name: evegram, listen: 127.0.0.1:${route}, routes: [${ports.map((other) => `nats://127.0.0.1:${other.route}`).join(', ')}] }`,
    ]),
    '',
  ].join('\n')
}

/** The processes of as many servers as `ports` names. */
export function planNats({ ports, dir, server, syncInterval }) {
  return ports.map(({ client, monitor }, index) => {
    const name = `nats-${index + 1}`
    const home = join(dir, name)
    const conf = join(home, 'nats.conf')
    return {
      name, kind: 'nats', address: `127.0.0.1:${client}`, monitor: `127.0.0.1:${monitor}`,
      folders: [join(home, 'data')],
      files: [{ path: conf, text: renderNatsConf({ index, ports, dir: join(home, 'data'), syncInterval }) }],
      start: { command: server, args: ['-c', conf], env: {}, cwd: home },
      log: join(home, 'output.log'),
    }
  })
}

/** Resolves when the server answers clients, JetStream runs and, in a cluster, every server follows one leader; rejects with what is missing. */
export async function checkNats({ name, address, monitor }, nodes) {
  await askByLines(address, { greeting: /^INFO .*\r\n/, request: 'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n', expected: /\r\nPONG\r\n/ }, PROBE_MS)
  const health = await askMonitor(monitor, '/healthz?js-enabled-only=true')
  if (health.status !== 'ok') throw new Error(health.error ?? `JetStream is ${health.status}`)
  if (nodes === 1) return
  const { meta_cluster: meta } = await askMonitor(monitor, '/jsz')
  if (typeof meta?.leader !== 'string' || meta.leader === '') throw new Error('JetStream has no leader yet')
  if (meta.cluster_size !== nodes) throw new Error(`JetStream has ${meta.cluster_size} of ${nodes} servers`)
  // Only the leader knows how far the others are.
  if (meta.leader !== name) return
  const behind = (meta.replicas ?? []).filter((replica) => replica.offline === true || replica.current === false)
  if (behind.length > 0) throw new Error(`${behind.map(({ name }) => name).join(', ')} does not follow the leader yet`)
}

/** The name of the server that leads JetStream, as any of `monitors` that answers says; undefined while there is none. */
export async function natsLeader(monitors) {
  for (const monitor of monitors) {
    try {
      const { meta_cluster: meta, server_name: alone } = await askMonitor(monitor, '/jsz')
      if (monitors.length === 1 && meta?.leader === undefined) return alone ?? 'nats-1'
      if (typeof meta?.leader === 'string' && meta.leader !== '') return meta.leader
    } catch {
      // This one is down or paused: the next one knows as well.
    }
  }
  return undefined
}

function askMonitor(monitor, path) {
  return new Promise((resolve, reject) => {
    const [host, port] = monitor.split(':')
    const asked = request({ host, port, path, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => { text += chunk })
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve(JSON.parse(text))
        } catch (error) {
          reject(error)
        }
      })
    })
    asked.setTimeout(PROBE_MS, () => asked.destroy(new Error(`no answer within ${PROBE_MS} ms`)))
    asked.on('error', reject)
    asked.end()
  })
}
