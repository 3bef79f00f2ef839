import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import { WebSocketServer, type WebSocket } from 'ws'
import { SolanaDevnet } from './chain.js'
import { isJsonObject, type Json, type JsonObject } from '../../json.js'
import { closeServer, createLoopbackServer, isForLoopback, listenOnLoopback, LOOPBACK, readBody } from '../../loopback-http.js'
import { solanaMethods, type RpcMethod } from './methods.js'
import { Params } from './params.js'
import { RPC_CODES, RpcError } from './rpc-error.js'
import { Subscriptions } from './subscriptions.js'

/** Options of {@link serveSolanaDevnet}. */
export interface SolanaDevnetServerOptions {
  readonly clock: Clock
  readonly random: Random
  /** Of the HTTP listener, with the websocket on the next one, where SDKs look for it; 0: two that are free. */
  readonly port: number
  /** Milliseconds of a slot; undefined: slots end only when `chain.closeSlot` is called. */
  readonly slotMs: number | undefined
  readonly finalizedAfter?: number | undefined
}

/** A running local chain. */
export interface SolanaDevnetServer {
  readonly chain: SolanaDevnet
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** Serves the same chain once more, as another endpoint would. */
  another(): Promise<{ readonly url: string; close(): Promise<void> }>
  /** Ends the listeners and the clock of the slots. The chain is gone with it. */
  close(): Promise<void>
}

/** Bytes of a request. A transaction is 1,232; a list of a hundred addresses is 5,000. */
export const REQUEST_BYTES_MAX = 65_536
/** Requests in one batch. */
export const BATCH_MAX = 100
/** Websockets at a time. */
export const SOCKETS_MAX = 64
/** Bytes that may wait for a slow websocket before it is closed. */
const SOCKET_WAITING_BYTES_MAX = 8 * 1_024 * 1_024
const PORT_ATTEMPTS_MAX = 20
const PORT_MAX = 65_535

/**
 * A Solana chain of its own on loopback, behind the JSON-RPC and the websocket of a node, for tests and play money: unmodified SDKs talk to it. What it does not
 * have is answered with -32601. Rejects `invalid.config` when the ports cannot be listened on.
 */
export async function serveSolanaDevnet({ clock, random, port, slotMs, finalizedAfter }: SolanaDevnetServerOptions): Promise<SolanaDevnetServer> {
  const chain = new SolanaDevnet({ clock, random, finalizedAfter })
  const methods = solanaMethods(chain)
  const endpoint = await listen(chain, methods, port)
  const timer = slotMs === undefined ? undefined : clock.every(slotMs, () => chain.closeSlot())
  return {
    chain,
    url: endpoint.url,
    another: () => listen(chain, methods, 0),
    close: async () => {
      timer?.cancel()
      await endpoint.close()
    },
  }
}

interface Endpoint {
  readonly url: string
  close(): Promise<void>
}

async function listen(chain: SolanaDevnet, methods: ReadonlyMap<string, RpcMethod>, port: number): Promise<Endpoint> {
  for (let attempt = 1; ; attempt++) {
    const http = createLoopbackServer((request, response) => answerHttp(methods, request, response))
    try {
      const bound = await bind(http, port)
      try {
        const sockets = await serveSockets(chain, bound + 1)
        return { url: `http://${LOOPBACK}:${String(bound)}`, close: () => closeAll(http, sockets) }
      } catch (error) {
        await closeServer(http)
        throw error
      }
    } catch (cause) {
      // With port 0 the next one may belong to somebody: another two are tried.
      if (port === 0 && attempt < PORT_ATTEMPTS_MAX) continue
      throw new EvegramError('invalid.config', {
        operation: 'listen', cause, advice: `Ports ${String(port)} and ${String(port + 1)} of ${LOOPBACK} cannot be listened on: stop what uses them, or choose another.`,
      })
    }
  }
}

async function bind(server: Server, port: number): Promise<number> {
  const bound = await listenOnLoopback(server, port)
  if (bound === PORT_MAX) {
    await closeServer(server)
    throw new Error('no port behind the last one')
  }
  return bound
}

async function serveSockets(chain: SolanaDevnet, port: number): Promise<WebSocketServer> {
  const sockets = new WebSocketServer({
    host: LOOPBACK, port, maxPayload: REQUEST_BYTES_MAX,
    // Programs name no origin; a page that does is one of somebody else's.
    verifyClient: ({ origin, req }: { readonly origin: string | undefined; readonly req: IncomingMessage }) => origin === undefined && isForLoopback(req),
  })
  await new Promise<void>((resolve, reject) => {
    sockets.once('error', reject)
    sockets.once('listening', resolve)
  })
  sockets.on('connection', (socket) => {
    if (sockets.clients.size > SOCKETS_MAX) socket.close(1013, 'too many sockets')
    else serveSocket(chain, socket)
  })
  return sockets
}

function serveSocket(chain: SolanaDevnet, socket: WebSocket): void {
  const send = (message: JsonObject): void => {
    if (socket.bufferedAmount > SOCKET_WAITING_BYTES_MAX) socket.terminate()
    else if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
  }
  const subscriptions = new Subscriptions(chain, (method, subscription, result) => {
    send({ jsonrpc: '2.0', method, params: { result, subscription } })
  })
  const stop = chain.onChange(() => { subscriptions.notify() })
  socket.on('message', (data: Buffer) => {
    send(answerRequest(parseJson(data.toString('utf8')), (method, params) => subscriptions.answer(method, params)))
    // What was there before the subscription is told at once.
    subscriptions.notify()
  })
  socket.on('close', stop)
  socket.on('error', () => { socket.terminate() })
}

async function answerHttp(methods: ReadonlyMap<string, RpcMethod>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const end = (status: number, body: Json): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  if (request.method === 'GET' && request.url === '/health') {
    response.end('ok')
    return
  }
  if (request.method !== 'POST') {
    end(405, errorJson(null, new RpcError(RPC_CODES.invalidRequest, 'POST is expected')))
    return
  }
  const body = await readBody(request, REQUEST_BYTES_MAX)
  if (body === undefined) {
    end(413, errorJson(null, new RpcError(RPC_CODES.invalidRequest, `a request has at most ${String(REQUEST_BYTES_MAX)} bytes`)))
    request.destroy()
    return
  }
  const call = (method: string, params: Params): Json => {
    const found = methods.get(method)
    if (found === undefined) throw new RpcError(RPC_CODES.methodNotFound, `Method not found: ${method.slice(0, 64)}`)
    return found(params)
  }
  const asked = parseJson(body)
  if (!Array.isArray(asked)) end(200, answerRequest(asked, call))
  else if (asked.length > BATCH_MAX) end(200, errorJson(null, new RpcError(RPC_CODES.invalidRequest, `a batch has at most ${String(BATCH_MAX)} requests`)))
  else end(200, asked.map((one: unknown) => answerRequest(one, call)))
}

/** The value of a text, or undefined when it is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function answerRequest(request: unknown, call: (method: string, params: Params) => Json): JsonObject {
  if (request === undefined) return errorJson(null, new RpcError(RPC_CODES.parse, 'Parse error'))
  if (!isJsonObject(request) || typeof request['method'] !== 'string') return errorJson(null, new RpcError(RPC_CODES.invalidRequest, 'Invalid request'))
  const id = request['id'] ?? null
  try {
    return { jsonrpc: '2.0', result: call(request['method'], new Params(request['params'])), id }
  } catch (error) {
    // A fault of this program: told to the client, and no reason for the chain to end.
    return errorJson(id, error instanceof RpcError ? error : new RpcError(RPC_CODES.internal, error instanceof Error ? error.message.slice(0, 400) : 'Internal error'))
  }
}

function errorJson(id: Json, { code, message, data }: RpcError): JsonObject {
  return { jsonrpc: '2.0', error: { code, message, ...(data === undefined ? {} : { data }) }, id }
}

async function closeAll(http: Server, sockets: WebSocketServer): Promise<void> {
  for (const socket of sockets.clients) socket.terminate()
  await Promise.all([closeServer(http), new Promise<void>((resolve) => { sockets.close(() => { resolve() }) })])
}
