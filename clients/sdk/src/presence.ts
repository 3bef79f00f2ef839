import type { AccountResolver } from './account-resolver.js'
import type { PresenceSignals } from './sync/presence.js'
import type { Presence } from './core/contact-presence.js'

/**
 * Who is there, between contacts who accepted each other and both tell it (setting `presence.tell`). Nobody else learns it from a client; the server passes the
 * signals on and sees them.
 */
export interface ContactPresence {
  /**
   * What is known of a contact, `unknown` at first: the answer comes as `presence-changed`, which must be listened to. The contact is asked again now and then until nobody listens any
   * more, or 32 others were asked for since. Rejects as `Client.conversation` does.
   */
  of(addressOrAccount: string): Promise<Presence>
  /** The person is at this device: say so at what they do, as often as they do it; after five minutes it ends by itself. Contacts who ask are told. Nothing is told of a program that never says so. */
  here(active: boolean): Promise<void>
}

/** {@link ContactPresence} on the signals of a client. */
export class ResolvedPresence implements ContactPresence {
  readonly #signals: PresenceSignals
  readonly #resolver: AccountResolver

  constructor(signals: PresenceSignals, resolver: AccountResolver) {
    this.#signals = signals
    this.#resolver = resolver
  }

  async of(addressOrAccount: string): Promise<Presence> {
    return this.#signals.of((await this.#resolver.resolve(addressOrAccount)).verified.account)
  }

  here(active: boolean): Promise<void> {
    this.#signals.here(active)
    return Promise.resolve()
  }
}
