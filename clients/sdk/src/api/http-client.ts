import { EvegramError, textOf, type Clock } from '@evegram/protocol'
import { errorOfResponse } from './response-error.js'

/** The part of `fetch` that the SDK uses: browsers' and Node's own fit. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Bounds of one HTTP exchange. */
const HTTP_LIMITS = {
  /** From the call to the last byte of the answer. */
  timeoutMs: 10_000,
  /** Bytes of an answer, unless the request names another bound. */
  responseBytesMax: 262_144,
} as const

/** One request to the server. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  /** A verb and a noun, for errors. */
  readonly operation: string
  readonly body?: Readonly<Record<string, unknown>>
  /** Instead of `body`: bytes as they are. */
  readonly bytes?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly responseBytesMax?: number
  /** What the answer is. Default `json`; `text` and `bytes` leave it as it is. */
  readonly answer?: 'json' | 'text' | 'bytes'
  /** Ends the exchange with `files.cancelled`. */
  readonly signal?: AbortSignal | undefined
}

/** An answer with a status below 300. `value` is parsed JSON, the text where that was wanted, or undefined for an empty answer. */
export interface HttpAnswer {
  readonly value: unknown
  /** Monotonic times of sending the request and of the whole answer, in ms. */
  readonly sentAtMs: number
  readonly answeredAtMs: number
}

/**
 * JSON over an injected `fetch`, with a time limit and a size limit on every answer; redirects are refused, cookies never sent.
 * Rejects with the server's code, `unavailable.server` when no answer came, `timeout`, `invalid.response` when it is not JSON or too large.
 */
export class HttpClient {
  readonly #fetch: Fetch
  readonly #clock: Clock
  readonly #timeoutMs: number

  constructor(options: { readonly fetch: Fetch; readonly clock: Clock; readonly timeoutMs?: number }) {
    this.#fetch = options.fetch
    this.#clock = options.clock
    this.#timeoutMs = options.timeoutMs ?? HTTP_LIMITS.timeoutMs
  }

  /** Makes one exchange. Never retries: what may be repeated is known to the caller. */
  async request(request: HttpRequest): Promise<HttpAnswer> {
    const abort = new AbortController()
    const sentAtMs = this.#clock.monotonicMs()
    let expired = false
    const cancel = (): void => { abort.abort() }
    if (request.signal?.aborted === true) cancel()
    request.signal?.addEventListener('abort', cancel, { once: true })
    const timer = this.#clock.after(this.#timeoutMs, () => {
      expired = true
      abort.abort()
    })
    try {
      const response = await this.#fetch(request.url, initOf(request, abort.signal))
      const bytes = await readBounded(response, request.responseBytesMax ?? HTTP_LIMITS.responseBytesMax, request.operation)
      const value = request.answer === 'bytes' && response.ok ? bytes : request.answer === 'text' && response.ok ? textOf(bytes) : parseJson(bytes, response, request.operation)
      if (!response.ok) throw errorOfResponse(response.status, value, response.headers.get('retry-after'), request.operation)
      return { value, sentAtMs, answeredAtMs: this.#clock.monotonicMs() }
    } catch (cause) {
      if (expired) throw new EvegramError('timeout', { operation: request.operation, cause })
      if (request.signal?.aborted === true) throw new EvegramError('files.cancelled', { operation: request.operation })
      if (cause instanceof EvegramError) throw cause
      throw new EvegramError('unavailable.server', { operation: request.operation, cause })
    } finally {
      request.signal?.removeEventListener('abort', cancel)
      timer.cancel()
    }
  }
}

function initOf(request: HttpRequest, signal: AbortSignal): RequestInit {
  const body = request.bytes !== undefined ? { body: Uint8Array.from(request.bytes) } : request.body === undefined ? {} : { body: JSON.stringify(request.body) }
  const type = request.bytes !== undefined ? { 'content-type': 'application/octet-stream' } : request.body === undefined ? {} : { 'content-type': 'application/json' }
  return {
    method: request.method, headers: { accept: 'application/json', ...type, ...request.headers }, ...body, signal,
    // A redirect would carry tokens and trust to a place that nobody configured.
    redirect: 'error', credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
  }
}

/** The whole body, given up at the first chunk that goes past `bytesMax`. */
async function readBounded(response: Response, bytesMax: number, operation: string): Promise<Uint8Array> {
  const details = { expected: `at most ${String(bytesMax)} bytes` }
  const tooLarge = (): EvegramError => new EvegramError('invalid.response', { operation, details })
  if (Number(response.headers.get('content-length') ?? 0) > bytesMax) {
    await response.body?.cancel()
    throw tooLarge()
  }
  if (response.body === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = response.body.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length
    if (length > bytesMax) {
      await reader.cancel()
      throw tooLarge()
    }
    chunks.push(next.value)
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** Error pages of proxies are often HTML: an answer that failed anyway may be no JSON. */
function parseJson(bytes: Uint8Array, response: Response, operation: string): unknown {
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(textOf(bytes))
  } catch (cause) {
    if (!response.ok) return undefined
    throw new EvegramError('invalid.response', { operation, details: { expected: 'JSON' }, cause })
  }
}
