import { connect, createServer } from 'node:net'
import { systemClock } from '@evegram/platform'
import { EvegramError, type Clock, type Timer } from '@evegram/protocol'
import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket, us_socket_context_t, WebSocket } from 'uWebSockets.js'
import { SOCKET_PATH, type SocketHandlers, type SocketServer, type SocketServerOptions } from '../../ports/socket-server.js'
import { NO_ROUTE, UPGRADE_REQUIRED, upgradeRules, type UpgradeRefusal } from '../upgrade-rules.js'
import { LiveTopics, UNLOOKED_BYTES_MAX } from './live-topics.js'
import { loadUws } from './native.js'
import { restThread, Rounds } from './rounds.js'
import { UwsSocket, type UwsSocketHome, type UwsUserData } from './socket.js'

/** Idle sweeps within one idle timeout: a silent peer is closed at most a quarter of the timeout late. */
const SWEEPS_PER_TIMEOUT = 4
/** Time for a stranger on the port to answer. */
const PROBE_TIMEOUT_MS = 500
/** Bounds that uWebSockets.js sets to its own idle timeout, in seconds; it counts in steps of 4. */
const NATIVE_IDLE_S = { min: 12, max: 960, step: 4 }

/**
 * The socket tier on uWebSockets.js: the product's tier, for Node versions that have its binary. Throws `invalid.config` when only the imitation
 * inside the package would run. `reason` says in the description why this tier was chosen.
 */
export function createUwsSocketServer(options: SocketServerOptions, reason: string, clock: Clock = systemClock()): SocketServer {
  return new UwsSocketServer(options, reason, clock)
}

class UwsSocketServer implements SocketServer, UwsSocketHome {
  readonly description: string
  readonly outboundBytesMax: number
  readonly clock: Clock
  readonly topics = new LiveTopics<UwsSocket>((topic, message) => { this.#publish(topic, message) })
  publishedLately = false
  readonly #uws = loadUws()
  readonly #options: SocketServerOptions
  readonly #refusalOf: ReturnType<typeof upgradeRules>
  readonly #sockets = new Set<UwsSocket>()
  readonly #rounds: Rounds
  #app: TemplatedApp | undefined = undefined
  #listening: us_listen_socket | undefined = undefined
  #handlers: SocketHandlers | undefined = undefined
  #sweeper: Timer | undefined = undefined
  #sweep = 0
  #lastId = 0

  constructor(options: SocketServerOptions, reason: string, clock: Clock) {
    this.clock = clock
    this.#rounds = new Rounds({ clock, rest: restThread, nextTurn: setImmediate })
    this.#options = options
    this.#refusalOf = upgradeRules(options)
    this.description = `uWebSockets.js ${reason}`
    this.outboundBytesMax = options.outboundBytesMax
  }

  async listen(handlers: SocketHandlers): Promise<number> {
    this.#handlers = handlers
    const app = this.#app = this.#makeApp(handlers)
    const { host } = this.#options
    const port = this.#options.port === 0 ? await freePort(host) : this.#options.port
    if (this.#options.sharesPort !== true) await probePort(host, port)
    const socket = await new Promise<us_listen_socket | false>((resolve) => { app.listen(host, port, resolve) })
    if (socket === false) throw portTaken(host, port)
    this.#listening = socket
    this.#sweeper = this.clock.every(Math.max(10, this.#options.idleTimeoutMs / SWEEPS_PER_TIMEOUT), () => { this.#closeIdle() })
    return this.#uws.us_socket_local_port(socket)
  }

  publish(topic: string, message: Uint8Array): void {
    this.topics.publish(topic, message)
  }

  stopAccepting(): void {
    if (this.#listening !== undefined) this.#uws.us_listen_socket_close(this.#listening)
    this.#listening = undefined
  }

  close(): Promise<void> {
    this.stopAccepting()
    this.#sweeper?.cancel()
    for (const socket of this.#sockets) socket.close('draining')
    return Promise.resolve()
  }

  ended(socket: UwsSocket, code: number): void {
    this.topics.forget(socket)
    this.#handlers?.closed(socket, code)
  }

  #makeApp(handlers: SocketHandlers): TemplatedApp {
    const { messageBytesMax, outboundBytesMax, idleTimeoutMs } = this.#options
    const { min, max, step } = NATIVE_IDLE_S
    // The native timeout also ends connections whose peer never answers our close; our own sweep is earlier for those that are open.
    const nativeIdleS = Math.min(max, Math.max(min, Math.ceil((idleTimeoutMs * 2) / 1_000 / step) * step))
    const app = this.#uws.App()
    app.ws<UwsUserData>('/*', {
      compression: this.#uws.DISABLED,
      maxPayloadLength: messageBytesMax * 2,
      // Never reached: UwsSocket.send closes before. Should it be, the answer DROPPED breaks the socket.
      maxBackpressure: outboundBytesMax + messageBytesMax + UNLOOKED_BYTES_MAX,
      idleTimeout: nativeIdleS,
      sendPingsAutomatically: false,
      upgrade: (response, request, context) => { this.#upgrade(response, request, context) },
      open: (connection) => {
        const { socket } = connection.getUserData()
        socket.attach(connection)
        handlers.opened(socket)
      },
      message: (connection, message, isBinary) => { this.#message(handlers, connection, message, isBinary) },
      ping: (connection) => { connection.getUserData().socket.heardInSweep = this.#sweep },
      pong: (connection) => { connection.getUserData().socket.heardInSweep = this.#sweep },
      drain: (connection) => {
        const { socket } = connection.getUserData()
        if (socket.drain()) handlers.drained(socket)
      },
      close: (connection, code) => {
        const { socket } = connection.getUserData()
        this.#sockets.delete(socket)
        socket.detach(code)
      },
    })
    app.any('/*', (response, request) => {
      refuse(response, request.getUrl() === SOCKET_PATH ? UPGRADE_REQUIRED : NO_ROUTE)
    })
    return app
  }

  #publish(topic: string, message: Uint8Array): void {
    this.#app?.publish(topic, message, true)
    if (this.publishedLately) return
    this.publishedLately = true
    // uWebSockets.js sends at the end of this turn of the loop or at the beginning of the next, so it has by the second one.
    setImmediate(() => { setImmediate(() => { this.publishedLately = false }) })
  }

  #upgrade(response: HttpResponse, request: HttpRequest, context: us_socket_context_t): void {
    const refusal = this.#refusalOf(
      { path: request.getUrl(), host: request.getHeader('host'), origin: request.getHeader('origin') }, this.#sockets.size,
    )
    if (refusal !== undefined) {
      refuse(response, refusal)
      return
    }
    this.#lastId++
    const socket = new UwsSocket(this.#lastId, this, this.#sweep)
    this.#sockets.add(socket)
    // Neither subprotocol nor extension is taken up: both headers stay empty in the answer.
    response.upgrade<UwsUserData>({ socket }, request.getHeader('sec-websocket-key'), '', '', context)
  }

  #message(handlers: SocketHandlers, connection: WebSocket<UwsUserData>, message: ArrayBuffer, isBinary: boolean): void {
    const { socket } = connection.getUserData()
    if (socket.isClosed) return
    socket.heardInSweep = this.#sweep
    this.#rounds.heard()
    if (!isBinary) handlers.text(socket)
    else if (message.byteLength > this.#options.messageBytesMax) socket.close('tooLarge')
    else handlers.message(socket, new Uint8Array(message))
  }

  #closeIdle(): void {
    this.#sweep++
    for (const socket of this.#sockets) if (this.#sweep - socket.heardInSweep > SWEEPS_PER_TIMEOUT) socket.close('idle')
  }
}

/**
 * Resolves when nobody listens on the port, so far as a connection tells. uWebSockets.js can listen in two ways: its exclusive one does without
 * SO_REUSEADDR, so that a restart would wait a minute until the connections of the killed process are forgotten; the default shares a taken port
 * (SO_REUSEPORT), and half of the connections would go to a stranger. So the default, after nobody answered on the port; with `sharesPort` whoever answers is
 * taken for one of us.
 */
async function probePort(host: string, port: number): Promise<void> {
  const probe = connect({ host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port })
  const answered = await new Promise<boolean>((resolve) => {
    probe.once('connect', () => { resolve(true) })
    // Refused, unreachable: whatever it is, nobody answers there.
    probe.once('error', () => { resolve(false) })
    probe.setTimeout(PROBE_TIMEOUT_MS, () => { resolve(false) })
  })
  probe.destroy()
  if (answered) throw portTaken(host, port)
}

/** A port that is free now. uWebSockets.js would find one itself, but then listens without SO_REUSEADDR: the port could not be used again at once. */
async function freePort(host: string): Promise<number> {
  const finder = createServer()
  await new Promise<void>((resolve, reject) => {
    finder.once('error', reject)
    finder.listen({ host, port: 0 }, resolve)
  })
  const address = finder.address()
  await new Promise((resolve) => { finder.close(resolve) })
  if (address === null || typeof address === 'string') throw new EvegramError('internal', { operation: 'find a free port' })
  return address.port
}

function portTaken(host: string, port: number): EvegramError {
  return new EvegramError('invalid.config', {
    operation: 'listen for WebSockets', advice: `Port ${port} of ${host} cannot be listened on: stop what uses it or choose another.`,
    details: { host, port },
  })
}

function refuse(response: HttpResponse, { status, text }: UpgradeRefusal): void {
  response.cork(() => {
    response.writeStatus(`${status} ${text}`).writeHeader('connection', 'close').end(text, true)
  })
}

