// Redis as the system has it: presence and limits, so memory alone unless asked otherwise. A restarted one is empty, which the product must bear.
import { join } from 'node:path'
import { askByLines } from './line-probe.mjs'

/** How Redis may keep what it holds: not at all, or in a file that is synced every second or before each answer. */
export const REDIS_SYNCS = ['off', 'everysec', 'always']
/** Time to become ready. */
export const REDIS_READY_MS = 20_000
/** The same for a sentinel: it asks the primary for its replicas every ten seconds. */
export const SENTINEL_READY_MS = 60_000

/** The name by which sentinels know the primary. */
const GROUP = 'evegram'
/** A primary is gone when most sentinels miss it for so long. One that is started again at once stays the primary, and is empty. */
const DOWN_AFTER_MS = 3_000
const FAILOVER_MS_MAX = 10_000
const PROBE_MS = 3_000

/** The processes: a primary and, for a second port, its replica; for ports of `sentinels`, those that make the replica the primary when that is gone. */
export function planRedis({ ports, sentinels = [], dir, server, sync }) {
  const servers = ports.map((port, index) => {
    const name = `redis-${index + 1}`
    const home = join(dir, name)
    const conf = join(home, 'redis.conf')
    // A replica that starts before its primary finds it within a second.
    const role = index === 0 ? '' : `replicaof 127.0.0.1 ${ports[0]}\n`
    return {
      name, kind: 'redis', address: `127.0.0.1:${port}`, folders: [home],
      // Sentinels write roles into it, so that who was made the primary is it after a restart as well.
      files: [{ path: conf, text: role }],
      start: {
        command: server,
        args: [
          conf, '--port', String(port), '--bind', '127.0.0.1', '--dir', home, '--save', '', '--daemonize', 'no',
          ...(sync === 'off' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', sync]),
        ],
        env: {}, cwd: home,
      },
      log: join(home, 'output.log'),
    }
  })
  return [...servers, ...sentinels.map((port, index) => planSentinel({ port, index, dir, server, primary: ports[0], quorum: Math.floor(sentinels.length / 2) + 1 }))]
}

function planSentinel({ port, index, dir, server, primary, quorum }) {
  const name = `sentinel-${index + 1}`
  const home = join(dir, name)
  const conf = join(home, 'sentinel.conf')
  const text = [
    `port ${port}`, 'bind 127.0.0.1', `dir ${JSON.stringify(home)}`, `sentinel monitor ${GROUP} 127.0.0.1 ${primary} ${quorum}`,
    `sentinel down-after-milliseconds ${GROUP} ${DOWN_AFTER_MS}`, `sentinel failover-timeout ${GROUP} ${FAILOVER_MS_MAX}`, '',
  ].join('\n')
  return {
    name, kind: 'sentinel', address: `127.0.0.1:${port}`, folders: [home], files: [{ path: conf, text }],
    start: { command: server, args: [conf, '--sentinel'], env: {}, cwd: home }, log: join(home, 'output.log'),
  }
}

/** The setting under which services find Redis: through its sentinels where there are some. A replica is found through its primary's failover, never written to. */
export function redisUrl(processes) {
  const addresses = (kind) => processes.filter((noted) => noted.kind === kind).map(({ address }) => address)
  const sentinels = addresses('sentinel')
  const [first] = addresses('redis')
  if (sentinels.length > 0) return `sentinel://${sentinels.join(',')}/${GROUP}`
  return first === undefined ? undefined : `redis://${first}`
}

/** Resolves when the server answers and, as a replica, follows its primary; rejects with what is missing. */
export async function checkRedis({ name, address }) {
  await askByLines(address, { request: 'PING\r\n', expected: /^\+PONG\r\n/ }, PROBE_MS)
  if (name === 'redis-1') return
  const replication = await askByLines(address, { request: 'INFO replication\r\n', expected: /\r\nmaster_replid:/ }, PROBE_MS)
  if (/^role:slave\r$/m.test(replication) && !/^master_link_status:up\r$/m.test(replication)) throw new Error('the replica has not found its primary yet')
}

/**
 * Cuts the replicas off from their primary, which stays up: it takes no more of them until it is started again. What is written from now on they will not
 * have. Rejects when the server does not do it.
 */
export async function detachReplicas(address) {
  await askByLines(address, { request: 'ACL SETUSER default -psync -sync\r\nCLIENT KILL TYPE replica\r\n', expected: /^\+OK\r\n:\d+\r\n/ }, PROBE_MS)
}

/** How many bytes of replication `replica` lacks of `primary` (addresses). */
export async function replicationBehind(primary, replica) {
  const offset = async (address, field) => {
    const info = await askByLines(address, { request: 'INFO replication\r\n', expected: /\r\nrepl_backlog_histlen:\d+\r\n/ }, PROBE_MS)
    return Number(new RegExp(`^${field}:(\\d+)\\r$`, 'm').exec(info)?.[1] ?? Number.NaN)
  }
  return await offset(primary, 'master_repl_offset') - await offset(replica, 'slave_repl_offset')
}

/** Resolves when the sentinel, with others, could make a replica the primary; rejects with what is missing. */
export async function checkSentinel({ address }) {
  const quorum = await askByLines(address, { request: `SENTINEL CKQUORUM ${GROUP}\r\n`, expected: /^[+-][^\r]*\r\n/ }, PROBE_MS)
  if (!quorum.startsWith('+OK')) throw new Error(quorum.trim())
  const replicas = await askByLines(address, { request: `SENTINEL REPLICAS ${GROUP}\r\n`, expected: /^[*-]\d+\r\n/ }, PROBE_MS)
  if (!/^\*[1-9]/.test(replicas)) throw new Error('it knows no replica yet')
}

/** Address of the primary, as the first of `sentinels` (addresses) that answers knows it; rejects when none does. */
export async function redisPrimary(sentinels) {
  let failure = new Error('there is no sentinel')
  for (const sentinel of sentinels) {
    try {
      const reply = await askByLines(sentinel, { request: `SENTINEL GET-MASTER-ADDR-BY-NAME ${GROUP}\r\n`, expected: /^\*2\r\n\$\d+\r\n\S+\r\n\$\d+\r\n\d+\r\n/ }, PROBE_MS)
      const [, , host, , port] = reply.split('\r\n')
      return `${host}:${port}`
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
