import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@evegram/protocol'

/** Bytes of a request. */
const REQUEST_BYTES_MAX = 1_048_576
/** Broadcasts that are kept back at a time; above it they pass. */
const LATE_MAX = 1_024
/** Longer than clients keep an idle connection. */
const KEEP_ALIVE_MS = 120_000
const HOST = '127.0.0.1'
/** The only thing of that length in a broadcast, in whatever envelope: what was signed. */
const SIGNED_BYTES = /[A-Za-z0-9+/=_-]{120,}/
/** Of 256 signed bytes so many get no answer. */
const UNANSWERED_OF_256 = 32
/** Headers of one connection (RFC 9110, 7.6.1) and of how a body was sent, which fetch says and reads itself. Every other one is of the question or its answer. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection', 'content-encoding', 'content-length', 'expect', 'host', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
])

/** Options of {@link FaultyFronts}. */
export interface FaultyFrontsOptions {
  readonly clock: Clock
  readonly seed: number
  /** What a broadcast has in its path or body. */
  readonly broadcastMark: string
  /** Of 256 signed bytes so many are kept back. */
  readonly lateOf256: number
  /** The longest that a broadcast is kept back. */
  readonly lateMaxMs: number
}

/** What was done to broadcasts. */
export interface FrontCounts {
  readonly broadcasts: number
  /** Signed bytes that reached the chain late, whatever their sender was told: nothing. */
  readonly late: number
  /** Broadcasts that reached the chain at once and got no answer. */
  readonly unanswered: number
}

/**
 * Endpoints of a chain that treat broadcasts as a bad network does: of some signed bytes every broadcast gets no answer, and of some it gets none and they reach
 * the chain once, any time later, also when they may have been replaced by others meanwhile. Which, the seed decides. Everything else passes as it is.
 */
export class FaultyFronts {
  readonly #options: FaultyFrontsOptions
  readonly #late = new Set<string>()
  readonly #closers: (() => void)[] = []
  readonly #waiting = new Set<Promise<void>>()
  #broadcasts = 0
  #unanswered = 0

  constructor(options: FaultyFrontsOptions) {
    this.#options = options
  }

  /** What was done so far. */
  get counts(): FrontCounts {
    return { broadcasts: this.#broadcasts, late: this.#late.size, unanswered: this.#unanswered }
  }

  /** Listens on loopback in front of the endpoint `target`; the endpoint to use instead. */
  async open(target: string): Promise<string> {
    const { origin, pathname } = new URL(target)
    const server = createServer((request, response) => {
      void this.#serve(origin, request, response).catch(() => response.destroy())
    })
    server.keepAliveTimeout = KEEP_ALIVE_MS
    await new Promise<void>((resolve) => { server.listen(0, HOST, resolve) })
    this.#closers.push(() => {
      server.close()
      server.closeAllConnections()
    })
    // A server that listens on TCP has an address of this kind.
    return `http://${HOST}:${String((server.address() as AddressInfo).port)}${pathname === '/' ? '' : pathname}`
  }

  /** Resolved = nothing is kept back any more. */
  async settled(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.all(this.#waiting)
  }

  /** Ends the listeners. */
  close(): void {
    for (const close of this.#closers.splice(0)) close()
  }

  async #serve(origin: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request
    // JSON for all chains.
    const body = (await bodyOf(request)).toString('utf8')
    const headers = passed(Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(', ')] as const))
    const forward = async (): Promise<Response> => fetch(`${origin}${url}`, { method, headers, ...(body.length === 0 ? {} : { body }) })
    const fate = this.#fateOf(signedBytesIn(url, body, this.#options.broadcastMark))
    if (fate.how === 'late') {
      if (fate.isFirst) this.#later(fate.delayMs, forward)
      response.destroy()
      return
    }
    const answer = await forward()
    const answered = Buffer.from(await answer.arrayBuffer())
    if (fate.how === 'unanswered') {
      response.destroy()
      return
    }
    response.writeHead(answer.status, passed(answer.headers))
    response.end(answered)
  }

  #later(delayMs: number, forward: () => Promise<Response>): void {
    const done = new Promise<void>((resolve) => {
      this.#options.clock.after(delayMs, () => {
        void forward().then((answer) => answer.arrayBuffer()).then(() => { resolve() }, () => { resolve() })
      })
    }).then(() => { this.#waiting.delete(done) })
    this.#waiting.add(done)
  }

  #fateOf(signed: string | undefined): { readonly how: 'passes' | 'unanswered' } | { readonly how: 'late'; readonly isFirst: boolean; readonly delayMs: number } {
    if (signed === undefined) return { how: 'passes' }
    this.#broadcasts++
    const { seed, lateOf256, lateMaxMs } = this.#options
    const drawn = createHash('sha256').update(`${String(seed)} ${signed}`).digest()
    const [lot, key] = [drawn.readUInt8(0), drawn.toString('hex')]
    if (lot < lateOf256 && (this.#late.has(key) || this.#late.size < LATE_MAX)) {
      const isFirst = !this.#late.has(key)
      this.#late.add(key)
      return { how: 'late', isFirst, delayMs: drawn.readUInt32BE(1) % lateMaxMs }
    }
    if (lot >= lateOf256 && lot < lateOf256 + UNANSWERED_OF_256) {
      this.#unanswered++
      return { how: 'unanswered' }
    }
    return { how: 'passes' }
  }
}

/** What was signed, as text, when a request is a broadcast. */
export function signedBytesIn(path: string, body: string, broadcastMark: string): string | undefined {
  return `${path}\n${body}`.includes(broadcastMark) ? SIGNED_BYTES.exec(body)?.[0] : undefined
}

/** The headers that are not of the connection: Terra tells in one which block a question is about, and in one which block the answer is about. */
function passed(headers: Iterable<readonly [string, string]>): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !CONNECTION_HEADERS.has(name)))
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    // Without an encoding a request gives buffers.
    const part = chunk as Buffer
    bytes += part.length
    if (bytes > REQUEST_BYTES_MAX) throw new RangeError('a request that no chain takes')
    chunks.push(part)
  }
  return Buffer.concat(chunks)
}
