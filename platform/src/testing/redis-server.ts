import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Longest wait for a server to answer, or for a cluster to agree on itself. */
const READY_MS = 15_000
const CLUSTER_SLOTS = 16_384

/** A Redis server of a test: empty, without persistence, on a free port of this machine. */
export class RedisServer {
  readonly port: number
  readonly #arguments: readonly string[]
  readonly #folder: string
  #process: ChildProcess | undefined

  private constructor(port: number, argumentsIn: (folder: string) => readonly string[]) {
    this.port = port
    this.#folder = mkdtempSync(join(tmpdir(), 'evegram-redis-'))
    this.#arguments = argumentsIn(this.#folder)
  }

  /** Starts a server and waits until it answers. The program is `EVEGRAM_REDIS_SERVER`, else `redis-server` of the PATH. */
  static async start(extra: readonly string[] = []): Promise<RedisServer> {
    const port = await freePort()
    const server = new RedisServer(port, (folder) => ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no', ...extra])
    await server.resume()
    return server
  }

  /** Starts a sentinel that watches `master` under the name `main` and alone decides that it is down, after a second. */
  static async sentinelOf(master: RedisServer): Promise<RedisServer> {
    const port = await freePort()
    const sentinel = new RedisServer(port, (folder) => {
      const file = join(folder, 'sentinel.conf')
      writeFileSync(file, [
        `port ${String(port)}`, 'bind 127.0.0.1', `dir ${folder}`, `sentinel monitor main 127.0.0.1 ${String(master.port)} 1`,
        'sentinel down-after-milliseconds main 1000', 'sentinel failover-timeout main 5000', '',
      ].join('\n'))
      return [file, '--sentinel']
    })
    await sentinel.resume()
    return sentinel
  }

  /** Starts a replica of this server and waits until it has caught up. */
  async replica(): Promise<RedisServer> {
    const replica = await RedisServer.start(['--replicaof', '127.0.0.1', String(this.port)])
    await answers(replica.port, 'INFO replication', (reply) => reply.includes('master_link_status:up'))
    return replica
  }

  /** `host:port`. */
  get place(): string {
    return `127.0.0.1:${String(this.port)}`
  }

  /** Starts again after {@link kill}, empty, on the same port. */
  async resume(): Promise<void> {
    const child = spawn(process.env['EVEGRAM_REDIS_SERVER'] ?? 'redis-server', this.#arguments, { stdio: 'ignore' })
    const failed = new Promise<never>((_resolve, reject) => { child.once('error', reject) })
    this.#process = child
    process.once('exit', this.#stopHard)
    try {
      await Promise.race([failed, answers(this.port, 'PING', (reply) => /^(\+PONG|-NOAUTH)/.test(reply))])
    } catch (failure) {
      await this.close()
      throw failure
    }
  }

  /** Ends it as `kill -9` does. Resolved = it is gone. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    process.off('exit', this.#stopHard)
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => { child.once('exit', () => { resolve() }) })
    child.kill('SIGKILL')
    await gone
  }

  /** Stops the process in its place, as a machine that hangs; `false` lets it go on. */
  pause(paused: boolean): void {
    this.#process?.kill(paused ? 'SIGSTOP' : 'SIGCONT')
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  readonly #stopHard = (): void => { this.#process?.kill('SIGKILL') }
}

/** A Redis Cluster of three masters without replicas. */
export async function startRedisCluster(): Promise<{ readonly url: string; readonly servers: readonly RedisServer[]; close(): Promise<void> }> {
  const busPorts = await Promise.all([freePort(), freePort(), freePort()])
  const servers: RedisServer[] = []
  const close = async (): Promise<void> => { for (const server of servers) await server.close() }
  try {
    for (const busPort of busPorts) {
      servers.push(await RedisServer.start(['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '2000']))
    }
    for (const [index, server] of servers.entries()) {
      const [from, to] = [index, index + 1].map((third) => Math.floor((third * CLUSTER_SLOTS) / servers.length))
      await answers(server.port, `CLUSTER ADDSLOTSRANGE ${String(from)} ${String((to ?? 0) - 1)}`, (reply) => reply.startsWith('+OK'))
      const [first] = servers
      if (first !== undefined && first !== server) {
        await answers(server.port, `CLUSTER MEET 127.0.0.1 ${String(first.port)} ${String(busPorts[0])}`, (reply) => reply.startsWith('+OK'))
      }
    }
    for (const server of servers) {
      await answers(server.port, 'CLUSTER INFO', (reply) => reply.includes('cluster_state:ok') && reply.includes('cluster_known_nodes:3'))
    }
    return { url: `cluster://${servers.map(({ place }) => place).join(',')}`, servers, close }
  } catch (failure) {
    await close()
    throw failure
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  // A listening TCP server has such an address.
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
  return port
}

/** Repeats a command until `accepted` likes the reply. */
async function answers(port: number, command: string, accepted: (reply: string) => boolean): Promise<void> {
  const endMs = performance.now() + READY_MS
  let reply = ''
  while (performance.now() < endMs) {
    reply = await ask(port, command).catch((failure: unknown) => String(failure))
    if (accepted(reply)) return
    await sleep(50)
  }
  throw new Error(`Redis on port ${String(port)} did not answer ${command} as expected: ${reply.slice(0, 200)}`)
}

function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    let reply = ''
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')))
    socket.on('error', reject)
    // The server ends the connection behind QUIT.
    socket.on('close', () => { resolve(reply) })
    socket.on('data', (bytes) => { reply += String(bytes) })
    socket.end(`${command}\r\nQUIT\r\n`)
  })
}
