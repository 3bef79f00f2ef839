import { AuthenticatedHttp, type AuthenticatedHttpOptions } from './authenticated-http.js'
import type { TokenSource } from './auth-api.js'

/** Where this device is woken, as its server keeps it. */
export interface PushApi {
  /** Names the endpoint; the one before is forgotten. Rejects `denied.push_service`, `unavailable.*`. */
  put(endpoint: string): Promise<void>
  /** Forgets it; once more is no error. Rejects `unavailable.*`. */
  remove(): Promise<void>
}

/** What {@link createPushApi} needs. */
export interface PushApiOptions extends AuthenticatedHttpOptions {
  /** Base URL of the auth service, without trailing slash. */
  readonly url: string
  readonly tokens: TokenSource
}

/** The pushes of a discovered server, for the device of `tokens`. Repeats nothing. */
export function createPushApi(options: PushApiOptions): PushApi {
  const http = new AuthenticatedHttp(options.url, options)
  return {
    async put(endpoint) {
      await http.authenticated('PUT', '/v1/push', 'subscribe to pushes', options.tokens, { body: { endpoint } })
    },
    async remove() {
      await http.authenticated('DELETE', '/v1/push', 'unsubscribe from pushes', options.tokens)
    },
  }
}
