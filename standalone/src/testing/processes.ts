import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { createServer, request, type Server } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { ServiceTokens, systemClock } from '@evegram/platform'
import { LOCAL_DATA_CENTER, serviceAddresses } from '@evegram/platform/testing'

const START_MS = 120_000
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A service as a process of its own, as `node engine/dist/main.js` starts it. */
export interface ServiceProcess {
  readonly child: ChildProcess
  readonly ports: Readonly<Record<string, number>>
  readonly ended: Promise<number | string>
  output(): string
}

/** Auth and engine processes of one deployment on the running Cassandra, NATS and Redis, behind one HTTP address and one socket port. */
export class Processes {
  readonly #env: Readonly<Record<string, string>>
  readonly #seeds: Readonly<Record<'auth' | 'engine', string>>
  readonly #edge: Server
  readonly #all: ServiceProcess[] = []
  readonly #internal: Readonly<Record<'auth' | 'engine', readonly number[]>>
  readonly url: string
  #auths: ServiceProcess[] = []
  #turn = 0

  private constructor(parts: { edge: Server; port: number; wsPort: number; internal: Record<'auth' | 'engine', readonly number[]>; keyspace: string }) {
    this.#edge = parts.edge
    this.#internal = parts.internal
    this.url = `http://localhost:${String(parts.port)}`
    const seeds = { auth: randomBytes(32), engine: randomBytes(32) }
    const publicKey = (name: 'auth' | 'engine'): string =>
      Buffer.from(new ServiceTokens({ name, seed: seeds[name], clock: systemClock() }).publicKey).toString('base64url')
    this.#seeds = { auth: seeds.auth.toString('base64url'), engine: seeds.engine.toString('base64url') }
    const urls = (ports: readonly number[]): string => ports.map((port) => `http://127.0.0.1:${String(port)}`).join(',')
    this.#env = {
      EVEGRAM_CASSANDRA: serviceAddresses('cassandra').join(','), EVEGRAM_CASSANDRA_DC: LOCAL_DATA_CENTER, EVEGRAM_CASSANDRA_KEYSPACE: parts.keyspace,
      EVEGRAM_NATS: serviceAddresses('nats').join(','), EVEGRAM_REDIS: serviceAddresses('redis').join(','), EVEGRAM_PREFIX: parts.keyspace,
      EVEGRAM_PUBLIC_URL: this.url, EVEGRAM_PUBLIC_WS_URL: `ws://localhost:${String(parts.wsPort)}/v1/socket`, EVEGRAM_WS_PORT: String(parts.wsPort),
      EVEGRAM_HTTP_PORT: '0', EVEGRAM_ADMIN_PORT: '0', EVEGRAM_SERVICE_KEYS: `auth=${publicKey('auth')},engine=${publicKey('engine')}`,
      EVEGRAM_SECRETS_KEY: randomBytes(32).toString('base64url'), EVEGRAM_AUTH_URLS: urls(parts.internal.auth), EVEGRAM_ENGINE_URLS: urls(parts.internal.engine),
      EVEGRAM_LOG_LEVEL: 'info', EVEGRAM_DRAIN_SPREAD_MS: '500',
    }
    this.#edge.on('request', (incoming, outgoing) => {
      const target = this.#auths[this.#turn++ % this.#auths.length]
      const call = request({ host: '127.0.0.1', port: target?.ports['http'], method: incoming.method, path: incoming.url, headers: incoming.headers, setHost: false })
      call.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      })
      call.on('error', () => { outgoing.destroy() })
      incoming.pipe(call)
    })
  }

  /** A deployment on a keyspace; nothing runs yet. */
  static async prepare(keyspace: string): Promise<Processes> {
    // Longer than any pause of a client, which would meet the end of a connection that it was about to use.
    const edge = createServer({ keepAliveTimeout: 120_000 })
    await new Promise<void>((resolve) => edge.listen(0, '127.0.0.1', resolve))
    const address = edge.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const [wsPort = 0, ...ports] = await freePorts(5)
    return new Processes({ edge, port: address.port, wsPort, internal: { auth: ports.slice(0, 2), engine: ports.slice(2) }, keyspace })
  }

  /** Starts one process and waits until it listens. `place`: 0 or 1. */
  async start(kind: 'auth' | 'engine', place: number, more: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const env = { ...this.#env, EVEGRAM_SERVICE_KEY: this.#seeds[kind], EVEGRAM_INTERNAL_PORT: String(this.#internal[kind][place]), ...more }
    const child = fork(`${ROOT}${kind}/dist/main.js`, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { PATH: process.env['PATH'], ...env } })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { output += text })
    const ended = new Promise<number | string>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? 'gone')))
    const started: ServiceProcess = { child, ended, output: () => output, ports: {} }
    this.#all.push(started)
    const ports = await new Promise<Record<string, number>>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${kind} did not start in time: ${output}`)), START_MS)
      child.once('message', (message: { readonly ports: Record<string, number> }) => {
        clearTimeout(timer)
        resolve(message.ports)
      })
      void ended.then((how) => {
        clearTimeout(timer)
        reject(new Error(`${kind} ended with ${String(how)}: ${output}`))
      })
    })
    const running = { ...started, ports }
    if (kind === 'auth') this.#auths.push(running)
    return running
  }

  /** The edge sends nothing more to this process. */
  forget(auth: ServiceProcess): void {
    this.#auths = this.#auths.filter((other) => other !== auth)
  }

  /** Ends every process and the edge. */
  async stop(): Promise<void> {
    for (const { child, ended } of this.#all) {
      child.kill('SIGKILL')
      await ended
    }
    this.#edge.closeAllConnections()
    await new Promise((resolve) => this.#edge.close(resolve))
  }
}

/** The value of one count or gauge of a process. */
export async function metricOf(service: ServiceProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${String(service.ports['admin'])}/metrics`)).text()
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1])
}

/** Ports that are free now, below those that the system gives to outgoing connections: nobody takes them by accident before a process listens. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(12_000, 32_000)
    const probe = createTcpServer()
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => { resolve(false) })
      probe.listen(port, '127.0.0.1', () => { resolve(true) })
    })
    if (!free) continue
    await new Promise((resolve) => probe.close(resolve))
    ports.add(port)
  }
  return [...ports]
}
