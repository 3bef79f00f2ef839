import { lookup } from 'node:dns'
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { LIMITS, type Clock } from '@evegram/protocol'
import type { PushCredential, PushCredentials } from '../../ports/push-credentials.js'
import type { PushOutcome, PushSender } from '../../ports/push-sender.js'
import { publicLookup, type LookUpName } from './public-lookup.js'
import { serviceOf, type PushService } from './push-services.js'

/** Time from the first byte out to the status of the answer. */
export const PUSH_TIMEOUT_MS = 10_000
/** A push service keeps a wake for a device that is off for this long (RFC 8030 section 5.2). */
export const PUSH_TTL_S = 24 * 3_600
/** Longest time that a push service may ask to wait for. */
const RETRY_AFTER_MS_MAX = 60_000
/** A credential is made anew when less than this is left of it. */
const CREDENTIAL_LEFT_MS = 600_000
/** Credentials that are kept, one for each origin: hosts below one name could be many. */
const CREDENTIALS_MAX = 256
/** Bytes of an answer that are read before its connection is given up. */
const ANSWER_BYTES_MAX = 16_384
/** Connections to one origin, and to all. */
const SOCKETS_PER_ORIGIN_MAX = 8
const SOCKETS_MAX = 64

/** What {@link WebPushSender} needs. */
export interface WebPushSenderParts {
  readonly services: readonly PushService[]
  readonly credentials: PushCredentials
  readonly clock: Clock
  /** Default: the system's. */
  readonly lookUpName?: LookUpName
  /** Default {@link PUSH_TIMEOUT_MS}. */
  readonly timeoutMs?: number
}

/**
 * {@link PushSender} over Web Push: RFC 8030 with VAPID (RFC 8292), without a payload. Names are resolved to public addresses or not at all, redirects are not
 * followed, and of an answer only its status and `Retry-After` are read.
 */
export class WebPushSender implements PushSender {
  readonly #parts: WebPushSenderParts
  readonly #https: HttpsAgent
  readonly #http: HttpAgent
  readonly #credentials = new Map<string, PushCredential>()

  constructor(parts: WebPushSenderParts) {
    this.#parts = parts
    const pools = { keepAlive: true, maxSockets: SOCKETS_PER_ORIGIN_MAX, maxTotalSockets: SOCKETS_MAX, maxFreeSockets: 2 }
    this.#https = new HttpsAgent(pools)
    this.#http = new HttpAgent(pools)
  }

  accepts(endpoint: string): { readonly endpoint: string; readonly service: string } | undefined {
    const found = serviceOf(this.#parts.services, endpoint, LIMITS.pushEndpointCharactersMax)
    return found === undefined ? undefined : { endpoint: found.url.href, service: found.service.name }
  }

  async send(endpoint: string): Promise<PushOutcome> {
    const found = serviceOf(this.#parts.services, endpoint, LIMITS.pushEndpointCharactersMax)
    if (found === undefined) return { status: 'refused', reason: 'no push service of this server' }
    try {
      const { token, key } = await this.#credential(found.url.origin)
      return await this.#post(found.url, `vapid t=${token}, k=${key}`)
    } catch {
      // A name that does not resolve, a connection that broke, no credential: all pass. The cause may hold the endpoint, so it goes nowhere.
      return { status: 'later' }
    }
  }

  close(): void {
    this.#https.destroy()
    this.#http.destroy()
  }

  async #credential(origin: string): Promise<PushCredential> {
    const kept = this.#credentials.get(origin)
    if (kept !== undefined && kept.expiresAtMs - this.#parts.clock.now() > CREDENTIAL_LEFT_MS) return kept
    const credential = await this.#parts.credentials.forOrigin(origin)
    if (this.#credentials.size >= CREDENTIALS_MAX) this.#credentials.clear()
    this.#credentials.set(origin, credential)
    return credential
  }

  #post(url: URL, authorization: string): Promise<PushOutcome> {
    const { clock, timeoutMs = PUSH_TIMEOUT_MS } = this.#parts
    const headers = {
      authorization, 'content-length': '0',
      ttl: String(PUSH_TTL_S),
      // RFC 8030 section 5.3: "normal" is for chat messages, "high" would wake a device whose battery runs low.
      urgency: 'normal',
      // RFC 8030 section 5.4: a wake replaces the one before it that was not delivered. The same word for all, so that it says nothing.
      topic: 'wake',
    }
    return new Promise((resolve, reject) => {
      const options: RequestOptions = { method: 'POST', headers, lookup: publicLookup(this.#parts.lookUpName ?? lookup) }
      const asked: ClientRequest = url.protocol === 'https:' ? httpsRequest(url, { ...options, agent: this.#https }) : httpRequest(url, { method: 'POST', headers, agent: this.#http })
      const timer = clock.after(timeoutMs, () => { asked.destroy(new Error('no answer in time')) })
      asked.on('response', (answer) => {
        discard(answer)
        // The time runs on until the answer ended: a connection is not held by one that never does.
        answer.on('close', () => { timer.cancel() })
        resolve(outcomeOf(answer.statusCode ?? 0, answer.headers['retry-after'], clock))
      })
      asked.on('error', (failure) => {
        timer.cancel()
        reject(failure)
      })
      asked.end()
    })
  }
}

/** What is in an answer is not needed, and no more of it is read than a connection is worth. */
function discard(answer: IncomingMessage): void {
  let bytes = 0
  // A connection that breaks in the middle of an answer whose status is known is closed all the same.
  answer.on('error', () => undefined)
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) answer.destroy()
  })
}

/** RFC 8030 sections 5, 7.3 and 8.4: 201 took it, 404 and 410 know it no more, 429 and 5xx may later. A redirect is a refusal. */
function outcomeOf(status: number, retryAfter: string | undefined, clock: Clock): PushOutcome {
  if (status >= 200 && status < 300) return { status: 'accepted' }
  if (status === 404 || status === 410) return { status: 'gone' }
  if (status !== 408 && status !== 429 && status < 500) return { status: 'refused', reason: `HTTP ${String(status)}` }
  const afterMs = retryAfterMs(retryAfter, clock)
  return afterMs === undefined ? { status: 'later' } : { status: 'later', afterMs }
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfterMs(text: string | undefined, clock: Clock): number | undefined {
  if (text === undefined) return undefined
  const waitMs = /^[0-9]{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - clock.now()
  return Number.isFinite(waitMs) && waitMs > 0 ? Math.min(waitMs, RETRY_AFTER_MS_MAX) : undefined
}
