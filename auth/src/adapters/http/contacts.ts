import { ENGINE_INTERNAL_API, type InternalClient } from '@evegram/platform'
import type { Contacts } from '../../ports/contacts.js'

/** {@link Contacts} over the internal listeners of the engine's nodes: any of them reads the shared log. Rejects `unavailable.server`. */
export function httpContacts(client: InternalClient): Contacts {
  const { path, answer } = ENGINE_INTERNAL_API.accepted
  return {
    async accepted(owner, other) {
      const { accepted } = await client.ask({ method: 'GET', path: `${path}?${new URLSearchParams({ owner, other }).toString()}`, answer })
      return accepted
    },
  }
}
