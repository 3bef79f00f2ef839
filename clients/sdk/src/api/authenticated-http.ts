import { isEvegramError, type Clock, type ErrorCode, type Random } from '@evegram/protocol'
import type { TokenSource } from './auth-api.js'
import type { DeviceSigner } from './device-signer.js'
import type { DiscoveredServer } from './discovered-server.js'
import { dpopProof } from './dpop.js'
import { HttpClient, type Fetch, type HttpRequest } from './http-client.js'
import type { ServerClock } from './server-clock.js'

/** Refusals after which another token may do. */
const TOKEN_CODES: ReadonlySet<ErrorCode> = new Set(['auth.token_expired', 'auth.token_invalid', 'auth.token_revoked'])

/** What {@link AuthenticatedHttp} needs. */
export interface AuthenticatedHttpOptions {
  readonly server: Pick<DiscoveredServer, 'origin'>
  readonly fetch: Fetch
  readonly clock: Clock
  readonly random: Random
  /** Dates DPoP proofs. */
  readonly serverClock: ServerClock
  /** For one exchange; {@link HttpClient}'s own when absent. */
  readonly timeoutMs?: number
}

/** What of a request is not its place. */
export type RequestExtra = Partial<Pick<HttpRequest, 'body' | 'bytes' | 'headers' | 'responseBytesMax' | 'answer' | 'signal'>>

/** Requests to one service of a server, with the token of a device and a DPoP proof of its key (RFC 9449). */
export class AuthenticatedHttp {
  readonly #options: AuthenticatedHttpOptions
  readonly #baseUrl: string
  readonly #http: HttpClient

  /** `baseUrl`: of the service, without trailing slash. */
  constructor(baseUrl: string, options: AuthenticatedHttpOptions) {
    this.#options = options
    this.#baseUrl = baseUrl
    this.#http = new HttpClient(options)
  }

  /** Without token and proof. Resolves with parsed JSON; rejects as {@link HttpClient.request}. */
  async plain(method: HttpRequest['method'], path: string, operation: string, extra: RequestExtra = {}): Promise<unknown> {
    return (await this.#http.request({ ...extra, method, url: `${this.#baseUrl}${path}`, operation })).value
  }

  /** With a DPoP proof of the device key, without token. */
  async proved(method: HttpRequest['method'], path: string, operation: string, signer: DeviceSigner, extra: RequestExtra = {}): Promise<unknown> {
    return (await this.#http.request({ ...extra, method, url: `${this.#baseUrl}${path}`, operation, headers: { dpop: this.#proof(signer, method, path) } })).value
  }

  /** With token and proof; a token that the server calls expired is replaced and the request made once more (RFC 6750 section 3.1). */
  async authenticated(method: HttpRequest['method'], path: string, operation: string, source: TokenSource, extra: RequestExtra = {}): Promise<unknown> {
    const attempt = async (): Promise<unknown> => {
      const token = await source.accessToken()
      const headers = { ...extra.headers, authorization: `DPoP ${token}`, dpop: this.#proof(source.signer, method, path, token) }
      return (await this.#http.request({ ...extra, method, url: `${this.#baseUrl}${path}`, operation, headers })).value
    }
    try {
      return await attempt()
    } catch (error) {
      if (!isEvegramError(error) || !TOKEN_CODES.has(error.code)) throw error
      source.forgetAccessToken()
      return attempt()
    }
  }

  #proof(signer: DeviceSigner, method: string, path: string, accessToken?: string): string {
    const { server, serverClock, random } = this.#options
    const { pathname } = new URL(`${this.#baseUrl}${path}`)
    const request = { method, url: `${server.origin}${pathname}`, nowMs: serverClock.now() }
    return dpopProof(signer, accessToken === undefined ? request : { ...request, accessToken }, random)
  }
}
