import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { randomBytes } from 'node:crypto'
import type { Random } from '@evegram/protocol'
import { dpopProof, type DeviceSigner } from '@evegram/sdk/parts'

const random: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) }
/** Time for one answer. */
const ANSWER_TIMEOUT_MS = 30_000
/** Largest answer that is read. */
const ANSWER_BYTES_MAX = 4_194_304

/** An answer of a server, with the code of its refusal where it has one. */
export interface HttpReply {
  readonly status: number
  readonly code: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** What a request says; nothing is added to the headers but what HTTP itself needs. */
export interface HttpAsk {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly body?: string | Uint8Array
}

/** `401 proof.domain`, or the status alone. */
export function answerOf(reply: Pick<HttpReply, 'status' | 'code'>): string {
  return reply.code === undefined ? String(reply.status) : `${String(reply.status)} ${reply.code}`
}

/** Requests to one server with every header in the caller's hands: what `fetch` would not send. */
export class RawHttp {
  readonly #base: URL
  readonly #agent: Agent

  constructor(url: string, connectionsMax = 1_024) {
    this.#base = new URL(url)
    this.#agent = new Agent({ keepAlive: true, maxSockets: connectionsMax })
  }

  /** One exchange. Rejects when the connection ends without an answer. */
  ask(path: string, { method = 'GET', headers = {}, json, body }: HttpAsk = {}): Promise<HttpReply> {
    const bytes = json === undefined ? body : JSON.stringify(json)
    const type: Readonly<Record<string, string>> = json === undefined ? {} : { 'content-type': 'application/json' }
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({
        agent: this.#agent, host: '127.0.0.1', port: this.#base.port, path, method, timeout: ANSWER_TIMEOUT_MS,
        headers: { host: this.#base.host, ...type, ...(bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) }), ...headers },
      })
      outgoing.on('timeout', () => { outgoing.destroy(new Error('no answer in time')) })
      outgoing.on('error', reject)
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = []
        let length = 0
        incoming.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > ANSWER_BYTES_MAX) outgoing.destroy(new Error('the answer is too large'))
          chunks.push(chunk)
        })
        incoming.on('error', reject)
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({ status: incoming.statusCode ?? 0, code: codeOf(text), headers: incoming.headers, text })
        })
      })
      outgoing.end(bytes)
    })
  }

  /** Lets go of idle connections. */
  close(): void {
    this.#agent.destroy()
  }
}

/** The code in a JSON error body, if that is what `text` is. */
export function codeOf(text: string): string | undefined {
  return /^\{"error":\{"code":"([a-z0-9_.]+)"/.exec(text)?.[1]
}

/** A DPoP proof by `signer` for `path` of the server at `origin`. `nowMs` may lie. */
export function proofFor(signer: DeviceSigner, origin: string, method: string, path: string, accessToken?: string, nowMs = Date.now()): string {
  return dpopProof(signer, { method, url: `${origin}${path}`, nowMs, ...(accessToken === undefined ? {} : { accessToken }) }, random)
}

/** What came back over a bare TCP connection. */
export interface TcpReply {
  /** Status of the first HTTP answer, 0 when the connection ended without one. */
  readonly status: number
  readonly code: string | undefined
  readonly text: string
}

/** Sends bytes over a bare connection and reads until the server ends it, or says nothing for `quietMs` behind an answer, or `timeoutMs` passed. */
export function tcpExchange(port: number, bytes: string | Uint8Array, options: { readonly timeoutMs?: number; readonly quietMs?: number } = {}): Promise<TcpReply> {
  const { timeoutMs = 10_000, quietMs = 150 } = options
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let quiet: NodeJS.Timeout | undefined
    const finish = (): void => {
      clearTimeout(limit)
      clearTimeout(quiet)
      socket.destroy()
      const body = text.slice(text.indexOf('\r\n\r\n') + 4)
      resolve({ status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0), code: codeOf(body), text })
    }
    const limit = setTimeout(finish, timeoutMs)
    socket.on('error', finish)
    socket.on('close', finish)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      clearTimeout(quiet)
      quiet = setTimeout(finish, quietMs)
    })
    socket.write(bytes)
  })
}
