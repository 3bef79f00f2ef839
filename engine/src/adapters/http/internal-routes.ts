import { ENGINE_INTERNAL_API, type HttpServer } from '@evegram/platform'
import type { AcceptedContacts } from '../../core/accepted-contacts.js'
import type { Engine } from '../../service.js'

/** What {@link engineInternalRoutes} serves. */
export interface EngineInternalParts {
  readonly contacts: AcceptedContacts
  /** Writes one notice, as `Engine.appendNotice` does. */
  readonly appendNotice: (notice: Uint8Array) => Promise<void>
  /** Where devices are woken, as `Engine` takes it. */
  readonly pushes: Pick<Engine, 'subscribeToPushes' | 'unsubscribeFromPushes'>
}

/** What an engine node answers to other services, on a server made by `createInternalHttp` for `ENGINE_INTERNAL_API`. */
export function engineInternalRoutes(server: HttpServer, parts: EngineInternalParts): void {
  const { accepted, notices, subscribe, unsubscribe } = ENGINE_INTERNAL_API
  server.get(accepted.path, { schema: { querystring: accepted.query } }, async (request) => {
    const { owner, other } = request.query
    return { accepted: await parts.contacts.accepted(owner, other) }
  })
  // A notice counts by its signature.
  server.post(notices.path, { schema: { body: notices.body } }, async (request) => {
    await parts.appendNotice(request.body.notice)
    return { stored: true as const }
  })
  // Auth has verified which device asks.
  server.post(subscribe.path, { schema: { body: subscribe.body } }, async (request) => {
    const { account, device, endpoint } = request.body
    await parts.pushes.subscribeToPushes(account, device, endpoint)
    return { stored: true as const }
  })
  server.post(unsubscribe.path, { schema: { body: unsubscribe.body } }, async (request) => {
    await parts.pushes.unsubscribeFromPushes(request.body.device)
    return { stored: true as const }
  })
}
