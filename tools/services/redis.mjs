// Redis as the system has it: presence and limits, so memory alone unless asked otherwise. A restarted one is empty, which the product must bear.
import { join } from 'node:path'
import { askByLines } from './line-probe.mjs'

/** How Redis may keep what it holds: not at all, or in a file that is synced every second or before each answer. */
export const REDIS_SYNCS = ['off', 'everysec', 'always']
/** Time to become ready. */
export const REDIS_READY_MS = 20_000

const PROBE_MS = 3_000

/** The processes: a primary and, for a second port, its replica. */
export function planRedis({ ports, dir, server, sync }) {
  return ports.map((port, index) => {
    const name = `redis-${index + 1}`
    const home = join(dir, name)
    return {
      name, kind: 'redis', address: `127.0.0.1:${port}`, folders: [home], files: [],
      start: {
        command: server,
        args: [
          '--port', String(port), '--bind', '127.0.0.1', '--dir', home, '--save', '', '--daemonize', 'no',
          ...(sync === 'off' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', sync]),
          // A replica that starts before its primary finds it within a second.
          ...(index === 0 ? [] : ['--replicaof', '127.0.0.1', String(ports[0])]),
        ],
        env: {}, cwd: home,
      },
      log: join(home, 'output.log'),
    }
  })
}

/** Resolves when the server answers and, as a replica, follows its primary; rejects with what is missing. */
export async function checkRedis({ name, address }) {
  await askByLines(address, { request: 'PING\r\n', expected: /^\+PONG\r\n/ }, PROBE_MS)
  if (name === 'redis-1') return
  const replication = await askByLines(address, { request: 'INFO replication\r\n', expected: /\r\nmaster_replid:/ }, PROBE_MS)
  if (/^role:slave\r$/m.test(replication) && !/^master_link_status:up\r$/m.test(replication)) throw new Error('the replica has not found its primary yet')
}
