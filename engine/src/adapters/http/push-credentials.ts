import { AUTH_INTERNAL_API, type InternalClient } from '@evegram/platform'
import type { PushCredential, PushCredentials } from '../../ports/push-credentials.js'

/** {@link PushCredentials} over auth's internal listeners. The sender keeps what it was given, so this is asked a few times a day. */
export class HttpPushCredentials implements PushCredentials {
  readonly #client: InternalClient

  constructor(client: InternalClient) {
    this.#client = client
  }

  forOrigin(origin: string): Promise<PushCredential> {
    const { path, answer } = AUTH_INTERNAL_API.pushToken
    return this.#client.ask({ method: 'POST', path, body: { origin }, answer })
  }
}
