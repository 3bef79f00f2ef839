import type { IncomingMessage, ServerResponse } from 'node:http'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import { isJsonObject, type Json } from '../../json.js'
import { closeServer, createLoopbackServer, listenOnLoopback, LOOPBACK, readBody } from '../../loopback-http.js'
import { ApiError } from './api-error.js'
import { TonDevnet } from './chain.js'
import { tonMethods, type ApiMethod } from './methods.js'
import { Params } from './params.js'

/** Options of {@link serveTonDevnet}. */
export interface TonDevnetServerOptions {
  readonly clock: Clock
  readonly random: Random
  /** Of the listener; 0: one that is free. */
  readonly port: number
  /** Milliseconds between blocks; undefined: blocks are made only when `chain.closeBlock` is called. */
  readonly blockMs: number | undefined
  readonly finalizedAfter?: number | undefined
  readonly historyBlocks?: number | undefined
}

/** A running local chain. */
export interface TonDevnetServer {
  readonly chain: TonDevnet
  /** What `new TonClient({ endpoint })` takes: `http://127.0.0.1:<port>/api/v2/jsonRPC`. */
  readonly url: string
  /** Serves the same chain once more, as another endpoint would. */
  another(): Promise<{ readonly url: string; close(): Promise<void> }>
  /** Ends the listener and the clock of the blocks. The chain is gone with it. */
  close(): Promise<void>
}

/** Bytes of a request: a message of 254 outputs is about 60,000 in base64. */
export const REQUEST_BYTES_MAX = 262_144
const PATH = '/api/v2/jsonRPC'
const ERROR_CHARACTERS_MAX = 300

/**
 * A TON chain of its own on loopback, behind the JSON-RPC of toncenter v2, for tests and play money: an unmodified TonClient talks to it. What it does not have
 * is answered with 404. Rejects `invalid.config` when the port cannot be listened on.
 */
export async function serveTonDevnet({ clock, port, blockMs, ...options }: TonDevnetServerOptions): Promise<TonDevnetServer> {
  const chain = await TonDevnet.open({ clock, ...options })
  const methods = tonMethods(chain)
  const endpoint = await listen(methods, port)
  let isClosing = false
  // A block that takes longer than its time makes the next one late.
  const timer = blockMs === undefined ? undefined : clock.every(blockMs, () => {
    if (isClosing) return
    isClosing = true
    void chain.closeBlock().finally(() => { isClosing = false })
  })
  return {
    chain,
    url: endpoint.url,
    another: () => listen(methods, 0),
    close: async () => {
      timer?.cancel()
      await endpoint.close()
    },
  }
}

async function listen(methods: ReadonlyMap<string, ApiMethod>, port: number): Promise<{ readonly url: string; close(): Promise<void> }> {
  const http = createLoopbackServer((request, response) => answerHttp(methods, request, response))
  try {
    const bound = await listenOnLoopback(http, port)
    return { url: `http://${LOOPBACK}:${String(bound)}${PATH}`, close: () => closeServer(http) }
  } catch (cause) {
    throw new EvegramError('invalid.config', {
      operation: 'listen', cause, advice: `Port ${String(port)} of ${LOOPBACK} cannot be listened on: stop what uses it, or choose another.`,
    })
  }
}

async function answerHttp(methods: ReadonlyMap<string, ApiMethod>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const end = (code: number, body: Json): void => {
    response.writeHead(code, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  const refuse = ({ code, message }: ApiError, id: Json): void => {
    end(code, { ok: false, error: message, code, id, jsonrpc: '2.0' })
  }
  if (request.method !== 'POST' || request.url !== PATH) {
    refuse(new ApiError(404, `only POST ${PATH} is served`), null)
    return
  }
  const body = await readBody(request, REQUEST_BYTES_MAX)
  if (body === undefined) {
    refuse(new ApiError(413, `a request has at most ${String(REQUEST_BYTES_MAX)} bytes`), null)
    request.destroy()
    return
  }
  const asked = parseJson(body)
  if (!isJsonObject(asked) || typeof asked['method'] !== 'string') {
    refuse(new ApiError(422, 'not a request of JSON-RPC'), null)
    return
  }
  const id = asked['id'] ?? null
  try {
    const method = methods.get(asked['method'])
    if (method === undefined) throw new ApiError(404, `this node does not have the method ${asked['method'].slice(0, 64)}`)
    end(200, { ok: true, result: await method(new Params(asked['params'])), id, jsonrpc: '2.0' })
  } catch (error) {
    // A fault of this program: told to the client, and no reason for the chain to end.
    refuse(error instanceof ApiError ? error : new ApiError(500, error instanceof Error ? error.message.slice(0, ERROR_CHARACTERS_MAX) : 'internal error'), id)
  }
}

/** The value of a text, or undefined when it is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
