import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeDeviceAck, decodeFrames, decodeHello, encodeDeviceAck, encodeFrame, FRAME_TYPE, type DeviceId, type Frame } from '@evegram/protocol'
import { WebSocket, WebSocketServer } from 'ws'
import type { Capture } from './capture.js'

/** An HTTP request on its way to the real server, with what was parsed of its JSON. */
export interface Asked {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly body: Buffer
  /** Who asks: a real liar tells its clients apart by their addresses. */
  readonly by: string | undefined
}

/** The header by which the liar knows its clients. */
export const BY_HEADER = 'x-asked-by'

/** An answer, as JSON. */
export interface Answered {
  readonly status: number
  readonly json: Readonly<Record<string, unknown>>
}

/** One socket of a client and the one behind it. */
export interface ProxyLink {
  /** Known once the client said hello. */
  device: DeviceId | undefined
  readonly client: WebSocket
  readonly server: WebSocket
  /** Deliveries that the server sent on this link. */
  fromServer: number
  /** For each delivery that the client got: how many the server had sent by then. */
  readonly toClient: number[]
}

/** How the proxy departs from passing everything on. Each hook returns what takes the place of what it was given. */
export interface Lie {
  readonly http?: (asked: Asked, forward: (changed?: Partial<Asked>) => Promise<Answered>) => Promise<Answered>
  readonly toClient?: (frame: Frame, link: ProxyLink) => readonly Frame[]
  readonly toServer?: (frame: Frame, link: ProxyLink) => readonly Frame[]
}

/** Frames that were left over from `decodeFrames` are views: a copy can be kept. */
export function copyOf(frame: Frame): Frame {
  return { ...frame, body: frame.body.slice() }
}

const encoded = (frame: Frame): Uint8Array => encodeFrame(frame.type, frame.correlation, frame.body, frame.flags)

/** A man in the middle: clients know it as their server. Without a lie it passes everything on; what passes is kept for the search for plaintext. */
export class LyingProxy {
  lie: Lie = {}
  readonly links = new Set<ProxyLink>()
  readonly #http: Server
  readonly #sockets: WebSocketServer
  readonly #capture: Capture
  #target: { readonly http: number; readonly ws: number } | undefined

  private constructor(capture: Capture) {
    this.#capture = capture
    // Longer than clients keep an idle connection, or they would now and then use one that is being closed.
    this.#http = createServer({ keepAliveTimeout: 120_000 }, (request, response) => { void this.#serve(request, response) })
    this.#sockets = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
    this.#sockets.on('connection', (socket) => { this.#relay(socket) })
  }

  /** A proxy that listens on free ports and has no server behind it yet. */
  static async listen(capture: Capture): Promise<LyingProxy> {
    const proxy = new LyingProxy(capture)
    await new Promise<void>((resolve) => proxy.#http.listen(0, '127.0.0.1', resolve))
    if (proxy.#sockets.address() === null) await new Promise((resolve) => proxy.#sockets.once('listening', resolve))
    return proxy
  }

  /** `http://localhost:<port>` of this proxy: what clients are given, and what the server is configured with. */
  get url(): string {
    return `http://localhost:${String(portOf(this.#http.address()))}`
  }

  get ws(): string {
    return `ws://localhost:${String(portOf(this.#sockets.address()))}/v1/socket`
  }

  /** Names the real server's ports. */
  connect(target: { readonly http: number; readonly ws: number }): void {
    this.#target = target
  }

  /** The socket of a device; undefined when it is not connected. */
  linkOf(device: DeviceId): ProxyLink | undefined {
    return [...this.links].reverse().find((link) => link.device === device)
  }

  /** Sends a frame to a client as if the server had. Throws when the device is not connected. */
  inject(device: DeviceId, frame: Frame): void {
    const link = this.linkOf(device)
    if (link === undefined) throw new Error('the device is not connected')
    sendToClient(link, frame)
  }

  /** Breaks the connection of a device: it comes back by itself. */
  drop(device: DeviceId): void {
    this.linkOf(device)?.client.terminate()
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const { client, server } of this.links) {
      client.terminate()
      server.terminate()
    }
    this.#sockets.close()
    this.#http.closeAllConnections()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const asked: Asked = { method: request.method ?? 'GET', path: request.url ?? '/', body: Buffer.concat(chunks), by: request.headers[BY_HEADER]?.toString() }
      this.#capture.add(asked.body)
      const forward = (changed: Partial<Asked> = {}): Promise<Answered> => this.#forward({ ...asked, ...changed }, request.headers)
      const { status, json } = this.lie.http === undefined ? await forward() : await this.lie.http(asked, forward)
      const body = Buffer.from(JSON.stringify(json))
      this.#capture.add(body)
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
    } catch (error) {
      response.writeHead(502, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { code: 'unavailable.server', message: String(error) } }))
    }
  }

  #forward(asked: Asked, headers: IncomingMessage['headers']): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const { 'content-length': _length, 'transfer-encoding': _encoding, connection: _connection, [BY_HEADER]: _by, ...kept } = headers
      const outgoing = httpRequest({
        host: '127.0.0.1', port: this.#target?.http, path: asked.path, method: asked.method,
        headers: { ...kept, ...(asked.body.length > 0 ? { 'content-length': String(asked.body.length) } : {}) },
      }, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({ status: incoming.statusCode ?? 502, json: text === '' ? {} : JSON.parse(text) as Answered['json'] })
        })
      })
      outgoing.on('error', reject)
      outgoing.end(asked.body)
    })
  }

  #relay(client: WebSocket): void {
    const server = new WebSocket(`ws://127.0.0.1:${String(this.#target?.ws)}/v1/socket`, { perMessageDeflate: false, headers: { host: new URL(this.ws).host } })
    const link: ProxyLink = { device: undefined, client, server, fromServer: 0, toClient: [] }
    this.links.add(link)
    const waiting: Uint8Array[] = []
    const end = (code: number): void => {
      this.links.delete(link)
      for (const socket of [client, server]) {
        // 1005 and 1006 stand for "none" and must not be sent.
        if (socket.readyState === WebSocket.OPEN && code >= 1_000 && code !== 1_005 && code !== 1_006) socket.close(code)
        else socket.terminate()
      }
    }
    // Plain arrays: `slice` of a Buffer would not copy.
    client.on('message', (data: Buffer) => {
      for (const frame of decodeFrames(new Uint8Array(data))) {
        this.#capture.add(frame.body)
        if (frame.type === FRAME_TYPE.hello) link.device = decodeHello(frame.body).device
        const honest = frame.type === FRAME_TYPE.deviceAck ? { ...frame, body: trueAck(frame.body, link) } : frame
        for (const sent of this.lie.toServer?.(honest, link) ?? [honest]) {
          if (server.readyState === WebSocket.OPEN) server.send(encoded(sent))
          else waiting.push(encoded(sent))
        }
      }
    })
    server.on('open', () => { for (const bytes of waiting.splice(0)) server.send(bytes) })
    server.on('message', (data: Buffer) => {
      for (const frame of decodeFrames(new Uint8Array(data))) {
        this.#capture.add(frame.body)
        if (frame.type === FRAME_TYPE.deliver) link.fromServer++
        for (const sent of this.lie.toClient?.(frame, link) ?? [frame]) sendToClient(link, sent)
      }
    })
    for (const socket of [client, server]) {
      socket.on('error', () => undefined)
      socket.on('close', (code) => { end(code) })
    }
  }
}

function sendToClient(link: ProxyLink, frame: Frame): void {
  if (link.client.readyState !== WebSocket.OPEN) return
  if (frame.type === FRAME_TYPE.deliver) link.toClient.push(link.fromServer)
  link.client.send(encoded(frame))
}

/** What the server must be told of a client that acknowledged deliveries which the liar made up or left out. */
function trueAck(body: Uint8Array, link: ProxyLink): Uint8Array {
  const { committed, cursorMs } = decodeDeviceAck(body)
  return encodeDeviceAck({ committed: committed === 0 ? 0 : (link.toClient[committed - 1] ?? link.fromServer), cursorMs })
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the proxy does not listen')
  return address.port
}
