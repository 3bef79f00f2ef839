import { ENGINE_INTERNAL_API, type HttpServer } from '@evegram/platform'
import type { AcceptedContacts } from '../../core/accepted-contacts.js'

/** What an engine node answers to other services, on a server made by `createInternalHttp`. */
export function engineInternalRoutes(server: HttpServer, parts: { readonly contacts: AcceptedContacts }): void {
  const { path, query } = ENGINE_INTERNAL_API.accepted
  server.get(path, { schema: { querystring: query } }, async (request) => {
    const { owner, other } = request.query
    return { accepted: await parts.contacts.accepted(owner, other) }
  })
}
