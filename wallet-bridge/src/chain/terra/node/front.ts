import type { IncomingMessage, ServerResponse } from 'node:http'
import { EvegramError, isEvegramError } from '@evegram/protocol'
import { boundedFetch } from '../../bounded-fetch.js'
import { isJsonObject, type JsonObject } from '../../json.js'
import { closeServer, createLoopbackServer, listenOnLoopback, LOOPBACK, readBody } from '../../loopback-http.js'
import { TERRA_GAS_PRICES } from '../gas-price.js'
import type { NodeFaucet } from './faucet.js'

/** What a front stands before. */
export interface NodeFrontParts {
  /** Of the REST gateway of the node. */
  readonly lcdUrl: string
  readonly chainId: string
  readonly faucet: NodeFaucet
  /** Of the listener; 0: one that is free. */
  readonly port: number
}

/** A listener before a node. */
export interface NodeFront {
  readonly url: string
  close(): Promise<void>
}

const REQUEST_BYTES_MAX = 2 * 1_024 * 1_024
const TIMEOUT_MS = 15_000
const HEIGHT_HEADER = 'x-cosmos-block-height'
const ANSWERED_HEIGHT_HEADER = `grpc-metadata-${HEIGHT_HEADER}`
const ERROR_CODES = { invalidArgument: 3, resourceExhausted: 8, unavailable: 14 } as const

/**
 * Stands before the REST gateway of a real node, on loopback, and hands everything through as it is but `/faucet`, which a node does not have. What it adds beside that: whoever does not
 * name loopback is answered 421, as by the other local chains. Rejects `invalid.config` when the port cannot be listened on.
 */
export async function serveNodeFront({ port, ...parts }: NodeFrontParts): Promise<NodeFront> {
  const server = createLoopbackServer((request, response) => answer(parts, request, response))
  try {
    const bound = await listenOnLoopback(server, port)
    return { url: `http://${LOOPBACK}:${String(bound)}`, close: () => closeServer(server) }
  } catch (cause) {
    throw new EvegramError('invalid.config', {
      operation: 'listen', cause, advice: `Port ${String(port)} of ${LOOPBACK} cannot be listened on: stop what uses it, or choose another.`,
    })
  }
}

async function answer(parts: Omit<NodeFrontParts, 'port'>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const end = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body)
  }
  const refuse = (status: number, code: number, message: string): void => { end(status, JSON.stringify({ code, message, details: [] })) }
  const { method = 'GET', url = '/' } = request
  const body = await readBody(request, REQUEST_BYTES_MAX)
  if (body === undefined) {
    refuse(413, ERROR_CODES.invalidArgument, `a request has at most ${String(REQUEST_BYTES_MAX)} bytes`)
    request.destroy()
    return
  }
  try {
    if (url === '/faucet') end(200, JSON.stringify(method === 'POST' ? await give(parts.faucet, body) : about(parts)))
    else await handThrough(parts.lcdUrl, { method, url, body, height: request.headers[HEIGHT_HEADER] }, end)
  } catch (error) {
    if (isEvegramError(error, 'invalid.argument') || isEvegramError(error, 'invalid.address')) refuse(400, ERROR_CODES.invalidArgument, error.message)
    else if (isEvegramError(error, 'limited.rate')) refuse(429, ERROR_CODES.resourceExhausted, error.message)
    else refuse(502, ERROR_CODES.unavailable, isEvegramError(error) ? error.message : 'the node does not answer')
  }
}

interface Asked {
  readonly method: string
  readonly url: string
  readonly body: string
  readonly height: string | readonly string[] | undefined
}

async function handThrough(lcdUrl: string, { method, url, body, height }: Asked, end: (status: number, body: string, headers: Readonly<Record<string, string>>) => void): Promise<void> {
  const answered = await boundedFetch(`${lcdUrl}${url}`, {
    method, headers: { accept: 'application/json', ...(typeof height === 'string' ? { [HEIGHT_HEADER]: height } : {}), ...(method === 'POST' ? { 'content-type': 'application/json' } : {}) },
    ...(method === 'POST' ? { body } : {}),
  }, TIMEOUT_MS)
  const answeredHeight = answered.headers.get(ANSWERED_HEIGHT_HEADER)
  end(answered.status, await answered.text(), answeredHeight === null ? {} : { [ANSWERED_HEIGHT_HEADER]: answeredHeight })
}

function about({ faucet, chainId }: Omit<NodeFrontParts, 'port'>): JsonObject {
  return { address: faucet.address, denominations: Object.keys(TERRA_GAS_PRICES), chain_id: chainId }
}

async function give(faucet: NodeFaucet, text: string): Promise<JsonObject> {
  const asked = parseJson(text)
  const { address, denom, amount, memo = '' } = isJsonObject(asked) ? asked : {}
  if (typeof address !== 'string' || typeof denom !== 'string' || typeof amount !== 'string' || typeof memo !== 'string' || !/^\d{1,20}$/.test(amount)) {
    throw new EvegramError('invalid.argument', { operation: 'give play money', advice: 'The faucet takes {"address", "denom", "amount"} as texts, and "memo" when one is wanted.' })
  }
  return { txhash: await faucet.give(address, denom, BigInt(amount), memo) }
}

/** The value of a text, or undefined when it is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
