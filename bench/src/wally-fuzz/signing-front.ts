import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TokenSource } from '@evegram/sdk/parts'
import { answerOf, proofFor, type HttpReply, type RawHttp } from '../raw/raw-http.js'
import { operationOf, type Operation } from './operations.js'
import type { Tally } from './tally.js'

/** Where the API description is at the front. */
export const DESCRIPTION_PATH = '/openapi.json'
/** Headers that are for one connection, or that the front makes itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['host', 'connection', 'keep-alive', 'content-length', 'transfer-encoding', 'expect', 'upgrade', 'authorization', 'dpop', 'origin'])
/** Characters of a request or an answer that a report shows. */
const SHOWN_CHARACTERS = 2_000

/** What {@link SigningFront} needs. */
export interface SigningFrontParts {
  /** The server behind it. */
  readonly http: Pick<RawHttp, 'ask'>
  /** Its origin, which proofs name. */
  readonly origin: string
  readonly operations: readonly Operation[]
  /** What is served as API description. */
  readonly document: unknown
  /** Token of an operator. */
  readonly operatorToken: string
  /** Who makes a request of a route that wants somebody signed in; proofs of possession on other routes are by the same device. */
  readonly personOf: (operation: Operation) => TokenSource
  readonly tally: Tally
}

/**
 * Stands on loopback before a server and signs what passes: a program that knows nothing of DPoP makes requests as a person and as an operator. Paths, queries, bodies and
 * other headers pass as they are, and so do answers.
 */
export class SigningFront {
  readonly #parts: SigningFrontParts
  readonly #server: Server

  private constructor(parts: SigningFrontParts) {
    this.#parts = parts
    this.#server = createServer((request, response) => { void this.#serve(request, response) })
  }

  /** A front that listens on a free port. */
  static async listen(parts: SigningFrontParts): Promise<SigningFront> {
    const front = new SigningFront(parts)
    await new Promise<void>((resolve) => front.#server.listen(0, '127.0.0.1', resolve))
    return front
  }

  get url(): string {
    // It listens on TCP.
    const { port } = this.#server.address() as AddressInfo
    return `http://127.0.0.1:${String(port)}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [method, target] = [request.method ?? 'GET', request.url ?? '/']
    if (method === 'GET' && target === DESCRIPTION_PATH) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.#parts.document))
      return
    }
    const operation = operationOf(this.#parts.operations, method, target.split('?')[0] ?? '/')
    const body = await bytesOf(request)
    const [reply, failure] = await this.#answer({ method, target, body, headers: keptHeaders(request) }, operation).then((got) => [got, undefined] as const, (error: unknown) => [undefined, error] as const)
    const text = reply?.text ?? `the server gave no answer: ${String(failure)}`
    this.#parts.tally.add({
      route: operation?.name, status: reply?.status ?? 502, code: reply === undefined ? undefined : reply.status < 400 ? undefined : answerOf(reply),
      request: `${method} ${target} ${request.headers['content-type'] ?? ''} ${body.toString('utf8').slice(0, SHOWN_CHARACTERS)}`.trim(), answer: text.slice(0, SHOWN_CHARACTERS),
    })
    const { connection: _, 'keep-alive': _keep, 'transfer-encoding': _encoding, 'content-length': _length, ...headers } = reply?.headers ?? { 'content-type': 'text/plain' }
    response.writeHead(reply?.status ?? 502, headers).end(text)
  }

  async #answer(asked: Asked, operation: Operation | undefined): Promise<HttpReply> {
    const { method, target, body, headers } = asked
    const send = async (): Promise<HttpReply> => this.#parts.http.ask(target, { method, headers: { ...headers, ...await this.#credentials(asked, operation) }, ...(body.length === 0 ? {} : { body }) })
    const reply = await send()
    // A route may have ended the session, as it should: the next request has another one.
    if (operation?.isSignedIn !== true || reply.status !== 401 || reply.code?.startsWith('auth.token') !== true) return reply
    this.#parts.personOf(operation).forgetAccessToken()
    return send()
  }

  async #credentials({ method, target }: Asked, operation: Operation | undefined): Promise<Record<string, string>> {
    if (operation === undefined) return {}
    const { origin, operatorToken, personOf } = this.#parts
    if (operation.name.includes(' /v1/wally/operator/')) return { authorization: `Bearer ${operatorToken}` }
    const path = target.split('?')[0] ?? '/'
    const person = personOf(operation)
    // Opening and renewing sessions take a proof without a token (RFC 9449, section 5).
    if (!operation.isSignedIn) return { dpop: proofFor(person.signer, origin, method, path) }
    const token = await person.accessToken()
    return { authorization: `DPoP ${token}`, dpop: proofFor(person.signer, origin, method, path, token) }
  }
}

interface Asked {
  readonly method: string
  readonly target: string
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function keptHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined || OWN_HEADERS.has(name) ? [] : [[name, String(value)]])))
}
