import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { systemClock } from '@evegram/platform'
import { EvegramError, type Clock, type Timer } from '@evegram/protocol'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { SOCKET_PATH, type SocketHandlers, type SocketServer, type SocketServerOptions } from '../../ports/socket-server.js'
import { Topics } from '../topics.js'
import { NO_ROUTE, UPGRADE_REQUIRED, upgradeRules, type UpgradeRefusal } from '../upgrade-rules.js'
import { WsSocket } from './socket.js'

/** Idle sweeps within one idle timeout: a silent peer is closed at most a quarter of the timeout late. */
const SWEEPS_PER_TIMEOUT = 4
/** Time for the headers of a request: who sends them byte by byte is cut off. */
const HEADERS_TIMEOUT_MS = 10_000
/** Largest header section of an upgrade. */
const HEADER_BYTES_MAX = 8_192
/** TCP connections beyond `connectionsMax` that may be open at once, to be answered 503 rather than left hanging. */
const REFUSED_CONNECTIONS_MAX = 256

/** The socket tier on `ws`: runs on any Node. `reason` says in the description why this tier was chosen. */
export function createWsSocketServer(options: SocketServerOptions, reason: string, clock: Clock = systemClock()): SocketServer {
  return new WsSocketServer(options, reason, clock)
}

class WsSocketServer implements SocketServer {
  readonly description: string
  readonly #options: SocketServerOptions
  readonly #clock: Clock
  readonly #refusalOf: ReturnType<typeof upgradeRules>
  readonly #sockets = new Map<WsSocket, WebSocket>()
  readonly #topics = new Topics<WsSocket>()
  readonly #upgrader: WebSocketServer
  readonly #http: Server
  #sweeper: Timer | undefined = undefined
  #sweep = 0
  #lastId = 0

  constructor(options: SocketServerOptions, reason: string, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#refusalOf = upgradeRules(options)
    this.description = `ws ${reason}`
    this.#upgrader = new WebSocketServer({
      noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: options.messageBytesMax * 2,
      // No subprotocol is taken up, whatever the peer offers.
      handleProtocols: () => false,
    })
    this.#http = createServer(
      { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: HEADERS_TIMEOUT_MS },
      (request, response) => {
        const { status, text } = pathOf(request) === SOCKET_PATH ? UPGRADE_REQUIRED : NO_ROUTE
        response.writeHead(status, text, { connection: 'close' }).end(text)
      },
    )
    this.#http.maxConnections = options.connectionsMax + REFUSED_CONNECTIONS_MAX
  }

  async listen(handlers: SocketHandlers): Promise<number> {
    const { host, port, sharesPort } = this.#options
    if (sharesPort === true) {
      // Node has no SO_REUSEPORT before 22.12.
      throw new EvegramError('invalid.config', {
        operation: 'listen for WebSockets', advice: 'The ws tier cannot share its port: give each process a port of its own (EVEGRAM_WS_PORT) and set EVEGRAM_WS_PORT_SHARED=false.', details: { port },
      })
    }
    this.#http.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => { this.#upgrade(handlers, request, stream, head) })
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', (cause) => {
        reject(new EvegramError('invalid.config', {
          operation: 'listen for WebSockets', advice: `Port ${port} of ${host} cannot be listened on: stop what uses it or choose another.`,
          details: { host, port }, cause,
        }))
      })
      this.#http.listen({ host, port, exclusive: true }, resolve)
    })
    this.#sweeper = this.#clock.every(Math.max(10, this.#options.idleTimeoutMs / SWEEPS_PER_TIMEOUT), () => { this.#closeIdle() })
    const address = this.#http.address()
    if (address === null || typeof address === 'string') throw new EvegramError('internal', { operation: 'read the port that was bound' })
    return address.port
  }

  publish(topic: string, message: Uint8Array): void {
    this.#topics.publish(topic, message)
  }

  stopAccepting(): void {
    if (this.#http.listening) this.#http.close()
  }

  async close(): Promise<void> {
    this.#sweeper?.cancel()
    const freed = this.#http.listening
      ? new Promise<void>((resolve) => { this.#http.close(() => { resolve() }) })
      : Promise.resolve()
    for (const socket of this.#sockets.keys()) socket.close('draining')
    this.#http.closeAllConnections()
    await freed
  }

  #upgrade(handlers: SocketHandlers, request: IncomingMessage, stream: Duplex, head: Buffer): void {
    // A peer that resets while it is answered must not end the process.
    stream.on('error', () => { stream.destroy() })
    const refusal = this.#refusalOf(
      { path: pathOf(request), host: request.headers.host ?? '', origin: request.headers.origin ?? '' }, this.#sockets.size,
    )
    if (refusal !== undefined) {
      refuse(stream, refusal)
      return
    }
    this.#upgrader.handleUpgrade(request, stream, head, (connection) => { this.#open(handlers, request, stream, connection) })
  }

  #open(handlers: SocketHandlers, request: IncomingMessage, stream: Duplex, connection: WebSocket): void {
    this.#lastId++
    const socket = new WsSocket({
      id: this.#lastId, remoteAddress: request.socket.remoteAddress ?? '', connection, stream,
      outboundBytesMax: this.#options.outboundBytesMax, clock: this.#clock, topics: this.#topics, sweep: this.#sweep,
      ended: (ended, code) => {
        this.#topics.forget(ended)
        handlers.closed(ended, code)
      },
    })
    this.#sockets.set(socket, connection)
    const heard = (): void => { socket.heardInSweep = this.#sweep }
    connection.on('message', (data, isBinary) => { this.#message(handlers, socket, data, isBinary) })
    connection.on('ping', heard)
    connection.on('pong', heard)
    connection.on('error', () => { socket.fail() })
    connection.on('close', (code) => {
      this.#sockets.delete(socket)
      socket.detach(code)
    })
    stream.on('drain', () => { if (!socket.isClosed) handlers.drained(socket) })
    handlers.opened(socket)
  }

  #message(handlers: SocketHandlers, socket: WsSocket, data: RawData, isBinary: boolean): void {
    if (socket.isClosed) return
    socket.heardInSweep = this.#sweep
    if (!isBinary) handlers.text(socket)
    // binaryType stays 'nodebuffer': the other forms of RawData do not occur.
    else if (!Buffer.isBuffer(data) || data.length > this.#options.messageBytesMax) socket.close('tooLarge')
    else handlers.message(socket, data)
  }

  #closeIdle(): void {
    this.#sweep++
    for (const socket of this.#sockets.keys()) if (this.#sweep - socket.heardInSweep > SWEEPS_PER_TIMEOUT) socket.close('idle')
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}

function refuse(stream: Duplex, { status, text }: UpgradeRefusal): void {
  stream.end(`HTTP/1.1 ${status} ${text}\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n${text}`)
}
