import { request as httpRequest, Agent as HttpAgent, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https'
import { EvegramError, isErrorCode, isEvegramError, utf8, type Clock, type ErrorCode } from '@evegram/protocol'
import { z } from 'zod'
import type { Logger } from './log.js'
import type { ServiceName, ServiceTokens } from './service-token.js'

/** Bounds of a client of internal listeners. */
export const INTERNAL_CLIENT_LIMITS = {
  /** Connections to one instance; they are kept open. */
  connectionsMax: 32,
  /** Requests that run or wait at once; one more is refused. */
  requestsMax: 4_096,
  responseBytesMax: 1_048_576,
  /** Time for one instance to answer. */
  attemptMs: 1_500,
  /** Time for an answer, whoever gives it. */
  deadlineMs: 3_000,
  /** How long an instance that failed is asked last. */
  badMs: 2_000,
  /** An idle connection is closed by us before the other side does, so that no request meets its end. */
  idleMs: 30_000,
} as const

/** What a client of another service's internal listeners needs. */
export interface InternalClientOptions {
  /** The service that is called: audience of the tokens. */
  readonly service: ServiceName
  /** Base URLs of its instances, without trailing slash. */
  readonly urls: readonly string[]
  readonly tokens: ServiceTokens
  readonly clock: Clock
  readonly log: Logger
  /** Code of every failure that is not passed through. */
  readonly unavailable: ErrorCode
  /** Which codes in answers are verdicts for the caller: they are thrown as they are, the others mean that the service is not well. */
  readonly passes: (code: ErrorCode) => boolean
}

/** A request to an internal listener; `answer` checks its JSON. */
export interface InternalRequest<Answer> {
  readonly method: 'GET' | 'POST'
  /** Path with query. */
  readonly path: string
  readonly body?: unknown
  readonly answer: z.ZodType<Answer>
}

interface Instance {
  readonly url: URL
  /** Until when it is asked last, on the monotonic clock. */
  badUntilMs: number
  /** The last request failed: said in the log once. */
  failing: boolean
}

const errorBody = z.object({ error: z.object({ code: z.string() }) })

/**
 * Asks the instances of one service over HTTP: keeps connections, tries another instance when one does not answer, and remembers which did not.
 * Only for requests that may be put more than once.
 */
export class InternalClient {
  readonly #options: InternalClientOptions
  readonly #instances: readonly Instance[]
  readonly #agents = {
    http: new HttpAgent({ keepAlive: true, maxSockets: INTERNAL_CLIENT_LIMITS.connectionsMax, timeout: INTERNAL_CLIENT_LIMITS.idleMs }),
    https: new HttpsAgent({ keepAlive: true, maxSockets: INTERNAL_CLIENT_LIMITS.connectionsMax, timeout: INTERNAL_CLIENT_LIMITS.idleMs }),
  }
  #requests = 0
  #turn = 0

  /** Throws `invalid.config` without instances. */
  constructor(options: InternalClientOptions) {
    this.#options = options
    this.#instances = options.urls.map((url) => ({ url: new URL(url), badUntilMs: 0, failing: false }))
    if (this.#instances.length === 0) throw new EvegramError('invalid.config', { operation: `call ${options.service}` })
  }

  /** The checked answer. Rejects with a verdict of the service (`passes`), `limited.queue`, or the client's `unavailable` code. */
  async ask<Answer>(request: InternalRequest<Answer>): Promise<Answer> {
    const { clock, service, unavailable, log } = this.#options
    if (this.#requests >= INTERNAL_CLIENT_LIMITS.requestsMax) throw new EvegramError('limited.queue', { operation: `call ${service}` })
    this.#requests++
    try {
      const endMs = clock.monotonicMs() + INTERNAL_CLIENT_LIMITS.deadlineMs
      let cause: unknown
      for (const instance of this.#order(clock.monotonicMs())) {
        const leftMs = Math.min(INTERNAL_CLIENT_LIMITS.attemptMs, endMs - clock.monotonicMs())
        if (leftMs <= 0) break
        try {
          const answer = await this.#attempt(instance, request, leftMs)
          this.#noteWell(instance)
          return answer
        } catch (failure) {
          if (isEvegramError(failure) && this.#options.passes(failure.code)) {
            this.#noteWell(instance)
            throw failure
          }
          cause = failure
          instance.badUntilMs = clock.monotonicMs() + INTERNAL_CLIENT_LIMITS.badMs
          if (!instance.failing) log.warn({ service, instance: instance.url.host, err: failure }, 'an instance does not answer')
          instance.failing = true
        }
      }
      throw new EvegramError(unavailable, { operation: `call ${service}`, cause })
    } finally {
      this.#requests--
    }
  }

  /** Closes the idle connections. Requests under way go on. */
  close(): void {
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }

  #noteWell(instance: Instance): void {
    if (instance.failing) this.#options.log.info({ service: this.#options.service, instance: instance.url.host }, 'an instance answers again')
    instance.failing = false
  }

  /** All instances, each call beginning with another one; those that failed a moment ago last. */
  #order(nowMs: number): Instance[] {
    const from = this.#turn++ % this.#instances.length
    const turned = [...this.#instances.slice(from), ...this.#instances.slice(0, from)]
    return turned.sort((one, other) => Number(one.badUntilMs > nowMs) - Number(other.badUntilMs > nowMs))
  }

  async #attempt<Answer>(instance: Instance, request: InternalRequest<Answer>, limitMs: number): Promise<Answer> {
    const token = await this.#options.tokens.tokenFor(this.#options.service)
    const body = request.body === undefined ? undefined : utf8(JSON.stringify(request.body))
    const { status, bytes } = await this.#exchange(instance.url, request, token, body, limitMs)
    const value = parseJson(bytes)
    if (status >= 200 && status < 300) return request.answer.parse(value)
    const code = errorBody.safeParse(value).data?.error.code
    throw new EvegramError(code !== undefined && isErrorCode(code) ? code : 'internal', { operation: `call ${this.#options.service}`, details: { status } })
  }

  #exchange(
    base: URL, { method, path }: InternalRequest<unknown>, token: string, body: Uint8Array | undefined, limitMs: number,
  ): Promise<{ readonly status: number; readonly bytes: Uint8Array }> {
    const secure = base.protocol === 'https:'
    const options: RequestOptions = {
      method, path, host: base.hostname, port: base.port, agent: secure ? this.#agents.https : this.#agents.http,
      headers: {
        host: base.host, authorization: `Bearer ${token}`, accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
      },
    }
    return new Promise((resolve, reject) => {
      const call = (secure ? httpsRequest : httpRequest)(options)
      const timer = this.#options.clock.after(limitMs, () => { call.destroy(new EvegramError('timeout', { operation: `call ${this.#options.service}`, details: { limitMs } })) })
      const fail = (failure: unknown): void => {
        timer.cancel()
        reject(failure instanceof Error ? failure : new Error('the connection failed'))
      }
      call.on('error', fail)
      call.on('response', (response) => {
        bodyOf(response).then((bytes) => {
          timer.cancel()
          resolve({ status: response.statusCode ?? 0, bytes })
        }, (failure: unknown) => {
          call.destroy()
          fail(failure)
        })
      })
      call.end(body)
    })
  }
}

/** The whole body. Rejects with `too_large.request` beyond the bound, and when the connection breaks. */
function bodyOf(response: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = []
    let length = 0
    response.on('data', (part: Uint8Array) => {
      length += part.length
      if (length > INTERNAL_CLIENT_LIMITS.responseBytesMax) reject(new EvegramError('too_large.request', { operation: 'read answer' }))
      else parts.push(part)
    })
    response.on('end', () => { resolve(Buffer.concat(parts)) })
    response.on('error', reject)
    response.on('close', () => { if (!response.complete) reject(new Error('the answer was cut off')) })
  })
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new EvegramError('invalid.request', { operation: 'read answer', cause })
  }
}
