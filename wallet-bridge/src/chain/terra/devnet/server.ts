import type { IncomingMessage, ServerResponse } from 'node:http'
import { EvegramError, type Clock } from '@evegram/protocol'
import type { JsonObject } from '../../json.js'
import { closeServer, createLoopbackServer, listenOnLoopback, LOOPBACK, readBody } from '../../loopback-http.js'
import { TerraDevnet, type TerraDevnetOptions } from './chain.js'
import { GRPC_CODES, LcdError, notImplemented } from './lcd-error.js'
import { terraRoutes, type LcdAnswer, type LcdRequest } from './routes.js'

/** Options of {@link serveTerraDevnet}. */
export interface TerraDevnetServerOptions extends TerraDevnetOptions {
  readonly clock: Clock
  /** Of the HTTP listener; 0: one that is free. */
  readonly port: number
  /** Milliseconds between blocks; undefined: blocks end only when `chain.closeBlock` is called. */
  readonly blockMs: number | undefined
}

/** A running local chain. */
export interface TerraDevnetServer {
  readonly chain: TerraDevnet
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** Serves the same chain once more, as another endpoint would. */
  another(): Promise<{ readonly url: string; close(): Promise<void> }>
  /** Ends the listener and the clock of the blocks. The chain is gone with it. */
  close(): Promise<void>
}

/** Bytes of a request: a transaction in base64 inside JSON. */
export const REQUEST_BYTES_MAX = 2 * 1_024 * 1_024
const HEIGHT_HEADER = 'x-cosmos-block-height'

/**
 * A Terra Classic chain of its own on loopback, behind the REST gateway (LCD) of a node, for tests and play money: the unmodified SDK talks to it. What it does
 * not have is answered with 501. Rejects `invalid.config` when the port cannot be listened on.
 */
export async function serveTerraDevnet({ port, blockMs, ...options }: TerraDevnetServerOptions): Promise<TerraDevnetServer> {
  const chain = new TerraDevnet(options)
  const answer = terraRoutes(chain)
  const endpoint = await listen(answer, port)
  const timer = blockMs === undefined ? undefined : options.clock.every(blockMs, () => { chain.closeBlock() })
  return {
    chain,
    url: endpoint.url,
    another: () => listen(answer, 0),
    close: async () => {
      timer?.cancel()
      await endpoint.close()
    },
  }
}

async function listen(answer: (request: LcdRequest) => Promise<LcdAnswer>, port: number): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createLoopbackServer((request, response) => answerHttp(answer, request, response))
  try {
    const bound = await listenOnLoopback(server, port)
    return { url: `http://${LOOPBACK}:${String(bound)}`, close: () => closeServer(server) }
  } catch (cause) {
    throw new EvegramError('invalid.config', {
      operation: 'listen', cause, advice: `Port ${String(port)} of ${LOOPBACK} cannot be listened on: stop what uses it, or choose another.`,
    })
  }
}

async function answerHttp(answer: (request: LcdRequest) => Promise<LcdAnswer>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const end = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body)
  }
  const refuse = (error: LcdError): void => { end(error.status, JSON.stringify(error.toJson())) }
  const { method = 'GET', url = '/' } = request
  if (url === '/health') {
    end(200, '"ok"')
    return
  }
  const body = await readBody(request, REQUEST_BYTES_MAX)
  if (body === undefined) {
    end(413, JSON.stringify({ code: GRPC_CODES.invalidArgument, message: `a request has at most ${String(REQUEST_BYTES_MAX)} bytes`, details: [] } satisfies JsonObject))
    request.destroy()
    return
  }
  try {
    if (!URL.canParse(url, `http://${LOOPBACK}`)) throw notImplemented()
    const header = request.headers[HEIGHT_HEADER]
    const answered = await answer({
      method, url: new URL(url, `http://${LOOPBACK}`), body: method === 'POST' ? parseJson(body) : undefined, height: Array.isArray(header) ? header[0] : header,
    })
    end(200, JSON.stringify(answered.body), { [`grpc-metadata-${HEIGHT_HEADER}`]: String(answered.height) })
  } catch (error) {
    // A fault of this program: told to the client, and no reason for the chain to end.
    refuse(error instanceof LcdError ? error : new LcdError(GRPC_CODES.internal, error instanceof Error ? error.message.slice(0, 400) : 'internal'))
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
