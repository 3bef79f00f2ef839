import { addressKey, dpopCredentialsOf, isLoopbackAddress, TokenBuckets, type Caller } from '@evegram/platform'
import { EvegramError, type Clock } from '@evegram/protocol'
import type { FastifyRequest } from 'fastify'
import type { Operator, Operators, OperatorScope } from '../operators.js'
import type { WallyAuth } from '../ports/auth.js'

/** Requests of one address before anybody is known: burst, time for one more, and addresses remembered. This machine gets more, as it does at auth. */
const ADDRESS_RATE = { capacity: 600, refillMs: 50, keysMax: 100_000 } as const
const LOOPBACK_FACTOR = 50

/** What {@link Authentication} needs. */
export interface AuthenticationParts {
  readonly auth: Pick<WallyAuth, 'callerOf'>
  readonly operators: Operators
  /** The configured origin. */
  readonly origin: string
  readonly clock: Clock
}

/** Who makes a request. */
export class Authentication {
  readonly #parts: AuthenticationParts
  readonly #remote: TokenBuckets
  readonly #loopback: TokenBuckets

  constructor(parts: AuthenticationParts) {
    this.#parts = parts
    this.#remote = new TokenBuckets(parts.clock, ADDRESS_RATE)
    this.#loopback = new TokenBuckets(parts.clock, { ...ADDRESS_RATE, capacity: ADDRESS_RATE.capacity * LOOPBACK_FACTOR, refillMs: ADDRESS_RATE.refillMs / LOOPBACK_FACTOR })
  }

  /** The signed-in device. Rejects `auth.token_*`, `auth.dpop*`, `limited.rate`, `unavailable.*`. */
  async callerOf(request: FastifyRequest): Promise<Caller> {
    this.#limit(request.ip)
    const { token, proof } = dpopCredentialsOf(request.headers)
    if (token === undefined) throw new EvegramError('auth.token_missing', { operation: 'authenticate' })
    return this.#parts.auth.callerOf({ token, proof, method: request.method, url: this.#urlOf(request) })
  }

  /** The operator, who must have `scope`. Rejects as {@link Operators.require} and `limited.rate`. */
  async operatorOf(request: FastifyRequest, scope: OperatorScope): Promise<Operator> {
    this.#limit(request.ip)
    const { dpop, authorization } = request.headers
    return this.#parts.operators.require(scope, { authorization, dpop: typeof dpop === 'string' ? dpop : undefined, method: request.method, url: this.#urlOf(request) })
  }

  #urlOf(request: FastifyRequest): string {
    return `${this.#parts.origin}${(request.raw.url ?? '').split('?')[0] ?? ''}`
  }

  #limit(address: string): void {
    const result = (isLoopbackAddress(address) ? this.#loopback : this.#remote).take(addressKey(address))
    if (result.status === 'limited') throw new EvegramError('limited.rate', { operation: 'authenticate', retryAfterMs: result.retryAfterMs })
  }
}
