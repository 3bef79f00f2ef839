import { ENGINE_INTERNAL_API, type HttpServer } from '@evegram/platform'
import type { AcceptedContacts } from '../../core/accepted-contacts.js'

/** What {@link engineInternalRoutes} serves. */
export interface EngineInternalParts {
  readonly contacts: AcceptedContacts
  /** Writes one notice, as `Engine.appendNotice` does. */
  readonly appendNotice: (notice: Uint8Array) => Promise<void>
}

/** What an engine node answers to other services, on a server made by `createInternalHttp`. */
export function engineInternalRoutes(server: HttpServer, parts: EngineInternalParts): void {
  const { accepted, notices } = ENGINE_INTERNAL_API
  server.get(accepted.path, { schema: { querystring: accepted.query } }, async (request) => {
    const { owner, other } = request.query
    return { accepted: await parts.contacts.accepted(owner, other) }
  })
  // Whoever of the known services asks: a notice counts by its signature.
  server.post(notices.path, { schema: { body: notices.body } }, async (request) => {
    await parts.appendNotice(request.body.notice)
    return { stored: true as const }
  })
}
