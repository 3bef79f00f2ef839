import type { AccountId, DeviceId, ErrorCode } from '@evegram/protocol'
import { AUTH_INTERNAL_API } from './internal-api.js'
import type { InternalClient } from './internal-client.js'

/** Who makes a request. */
export interface Caller {
  readonly account: AccountId
  readonly device: DeviceId
}

/** A request with `Authorization: DPoP` as it came. */
export interface SignedRequest {
  readonly token: string
  /** The DPoP proof. */
  readonly proof: string | undefined
  readonly method: string
  /** The configured origin, and the path without its query: never from a header. */
  readonly url: string
}

/**
 * What sign-in knows of requests, for the services that people ask. Nothing is remembered: who was revoked is refused at once. Whatever is not a verdict rejects
 * `unavailable.auth` (over HTTP) or `unavailable.store` (in one process); nothing is allowed then.
 */
export interface RequestAuth {
  /** Who made a request; its DPoP proof is used up. Rejects `auth.token_*`, `auth.dpop*`, `limited.rate`. */
  callerOf(request: SignedRequest): Promise<Caller>
}

/** Whether a code is auth's verdict about a request rather than a failure to give one: what a client of auth's internal listeners passes through. */
export function isRequestVerdict(code: ErrorCode): boolean {
  return code.startsWith('auth.token_') || code.startsWith('auth.dpop') || code === 'limited.rate'
}

/** {@link RequestAuth} over the internal listeners of auth, for tokens of the service that asks. The client passes {@link isRequestVerdict}. */
export class HttpRequestAuth implements RequestAuth {
  readonly #client: Pick<InternalClient, 'ask'>

  constructor(client: Pick<InternalClient, 'ask'>) {
    this.#client = client
  }

  /** When one instance of auth did not answer in time the next may call the proof used: the sender makes another. */
  async callerOf({ token, proof = '', method, url }: SignedRequest): Promise<Caller> {
    const { path, answer } = AUTH_INTERNAL_API.verifyRequest
    return this.#client.ask({ method: 'POST', path, body: { token, dpop: proof, method, url }, answer })
  }
}
