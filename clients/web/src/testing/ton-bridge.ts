import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Bridges must take this, and may refuse more. */
const TTL_S_MAX = 300
const BODY_BYTES_MAX = 65_536

/** What somebody asked of the bridge. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Headers that tell who asks, where they were sent. */
  readonly telltales: readonly string[]
}

interface Kept {
  readonly id: number
  readonly to: string
  readonly text: string
  readonly endsAtMs: number
}

/**
 * A bridge of TON Connect over HTTP on this machine, as bridge.md of the specification says: a queue for each client, server-sent events with numbers and heartbeats, messages that last as long as their ttl
 * says, `last_event_id`. It can die, and come back at the same address with what it kept.
 */
export class TonBridgeServer {
  readonly asked: Asked[] = []
  readonly #heartbeatMs: number
  readonly #streams = new Map<ServerResponse, readonly string[]>()
  #kept: Kept[] = []
  #lastId = 0
  #server: Server | undefined
  #port = 0
  #isAlive = true

  private constructor(heartbeatMs: number) {
    this.#heartbeatMs = heartbeatMs
  }

  static async start({ heartbeatMs = 1_000 }: { readonly heartbeatMs?: number } = {}): Promise<TonBridgeServer> {
    const bridge = new TonBridgeServer(heartbeatMs)
    await bridge.revive()
    return bridge
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.#port)}/bridge`
  }

  /** Clients that listen now. */
  get listeners(): number {
    return this.#streams.size
  }

  /** Sends bytes into every open stream, as a bridge of another mind would. */
  say(text: string): void {
    for (const stream of this.#streams.keys()) stream.write(text)
  }

  /** Puts a message into the queue of a client, as the message of another. */
  deliver(from: string, to: string, message: string, ttlS = TTL_S_MAX): void {
    this.#lastId += 1
    const kept = { id: this.#lastId, to, text: JSON.stringify({ from, message }), endsAtMs: Date.now() + ttlS * 1_000 }
    this.#kept.push(kept)
    for (const [stream, clients] of this.#streams) if (clients.includes(to)) stream.write(frameOf(kept))
  }

  /** Takes connections no more, and ends those that there are. */
  async die(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.#isAlive = false
    if (server === undefined) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  /** Listens again, where it did before. */
  async revive(): Promise<void> {
    this.#isAlive = true
    const server = createServer((request, reply) => { this.#answer(request, reply) })
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    // Listening on an IP socket.
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  #answer(request: IncomingMessage, reply: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', this.url)
    const telltales = ['cookie', 'referer', 'authorization'].filter((name) => request.headers[name] !== undefined)
    this.asked.push({ method: request.method ?? '', path: pathname, query, telltales })
    reply.setHeader('access-control-allow-origin', '*')
    if (request.method === 'GET' && pathname === '/bridge/events') this.#stream(query, reply)
    else if (request.method === 'POST' && pathname === '/bridge/message') this.#take(request, query, reply)
    else reply.writeHead(404).end()
  }

  #stream(query: URLSearchParams, reply: ServerResponse): void {
    const clients = (query.get('client_id') ?? '').split(',').filter((id) => /^[0-9a-f]{64}$/.test(id))
    if (clients.length === 0) {
      reply.writeHead(400).end()
      return
    }
    const behind = Number(query.get('last_event_id') ?? '0')
    reply.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    reply.flushHeaders()
    const now = Date.now()
    this.#kept = this.#kept.filter(({ endsAtMs }) => endsAtMs > now)
    for (const kept of this.#kept) if (kept.id > behind && clients.includes(kept.to)) reply.write(frameOf(kept))
    this.#streams.set(reply, clients)
    const heart = setInterval(() => { reply.write('event: heartbeat\n\n') }, this.#heartbeatMs)
    reply.on('close', () => {
      clearInterval(heart)
      this.#streams.delete(reply)
    })
  }

  #take(request: IncomingMessage, query: URLSearchParams, reply: ServerResponse): void {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => { parts.push(part) }).on('end', () => {
      const [from, to, ttl] = [query.get('client_id') ?? '', query.get('to') ?? '', Number(query.get('ttl'))]
      const body = Buffer.concat(parts)
      const isWrong = ![from, to].every((id) => /^[0-9a-f]{64}$/.test(id)) || !(ttl > 0 && ttl <= TTL_S_MAX) || body.length > BODY_BYTES_MAX || !/^[A-Za-z0-9+/]+={0,2}$/.test(body.toString())
      if (isWrong || !this.#isAlive) {
        reply.writeHead(400).end()
        return
      }
      this.deliver(from, to, body.toString(), ttl)
      reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ message: 'OK', statusCode: 200 }))
    })
  }
}

function frameOf({ id, text }: Kept): string {
  return `event: message\r\nid: ${String(id)}\r\ndata: ${text}\r\n\r\n`
}
