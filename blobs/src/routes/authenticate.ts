import { addressKey, dpopCredentialsOf, isLoopbackAddress, TokenBuckets, type Caller, type HttpRequest, type RequestAuth } from '@evegram/platform'
import { EvegramError, type Clock } from '@evegram/protocol'

/** Requests of one address before anybody is known: burst, time for one more, and addresses remembered. This machine gets more, as it does at auth. */
const ADDRESS_RATE = { capacity: 600, refillMs: 50, keysMax: 100_000 } as const
const LOOPBACK_FACTOR = 50

/** Who makes a request. */
export class Authentication {
  readonly #auth: RequestAuth
  readonly #origin: string
  readonly #remote: TokenBuckets
  readonly #loopback: TokenBuckets

  /** `origin`: the configured one. */
  constructor(parts: { readonly auth: RequestAuth; readonly origin: string; readonly clock: Clock }) {
    this.#auth = parts.auth
    this.#origin = parts.origin
    this.#remote = new TokenBuckets(parts.clock, ADDRESS_RATE)
    this.#loopback = new TokenBuckets(parts.clock, { ...ADDRESS_RATE, capacity: ADDRESS_RATE.capacity * LOOPBACK_FACTOR, refillMs: ADDRESS_RATE.refillMs / LOOPBACK_FACTOR })
  }

  /** The signed-in device. Rejects `auth.token_*`, `auth.dpop*`, `limited.rate`, `unavailable.*`. */
  async callerOf(request: HttpRequest): Promise<Caller> {
    const rate = (isLoopbackAddress(request.ip) ? this.#loopback : this.#remote).take(addressKey(request.ip))
    if (rate.status === 'limited') throw new EvegramError('limited.rate', { operation: 'authenticate', retryAfterMs: rate.retryAfterMs })
    const { token, proof } = dpopCredentialsOf(request.headers)
    if (token === undefined) throw new EvegramError('auth.token_missing', { operation: 'authenticate' })
    const path = (request.raw.url ?? '').split('?')[0] ?? ''
    return this.#auth.callerOf({ token, proof, method: request.method, url: `${this.#origin}${path}` })
  }
}
