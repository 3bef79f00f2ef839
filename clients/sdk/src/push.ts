import { EvegramError, LIMITS } from '@evegram/protocol'
import type { PushApi } from './api/http-push-api.js'

/** How this device is woken while no page or program of it runs: by a push that says nothing. */
export interface Push {
  /** What a browser subscribes with (`applicationServerKey`, a point of P-256 in base64url); undefined where the server wakes nobody. */
  key(): Promise<string | undefined>
  /**
   * Names the address that the push service of the browser gave for {@link Push.key}; once more renews it, which is needed every `LIMITS.pushSubscriptionMs`. The keys of a
   * payload are not asked for: there is none. Rejects `push.none`, `denied.push_service` for one that the server does not send to, `invalid.argument`, `unavailable.*`.
   */
  subscribe(endpoint: string): Promise<void>
  /** Is woken no more; once more is no error. Rejects `push.none`, `unavailable.*`. */
  unsubscribe(): Promise<void>
}

/** {@link Push} at a server that has it, or that has not. */
export class ServerPush implements Push {
  readonly #key: string | undefined
  readonly #api: PushApi | undefined

  constructor(parts: { readonly key: string | undefined; readonly api: PushApi | undefined }) {
    this.#key = parts.key
    this.#api = parts.api
  }

  key(): Promise<string | undefined> {
    return Promise.resolve(this.#key)
  }

  async subscribe(endpoint: string): Promise<void> {
    if (endpoint === '' || endpoint.length > LIMITS.pushEndpointCharactersMax) throw new EvegramError('invalid.argument', { operation: 'subscribe to pushes', advice: 'Give the endpoint as the browser gave it.' })
    await this.#served('subscribe to pushes').put(endpoint)
  }

  async unsubscribe(): Promise<void> {
    await this.#served('unsubscribe from pushes').remove()
  }

  #served(operation: string): PushApi {
    if (this.#api === undefined) throw new EvegramError('push.none', { operation })
    return this.#api
  }
}
