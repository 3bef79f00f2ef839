import type { HttpServer } from '@evegram/platform'
import { EvegramError, LIMITS } from '@evegram/protocol'
import { z } from 'zod'
import type { PushRegistry } from '../ports/push-registry.js'
import { authenticate, type Authentication } from './authenticate.js'
import { responses, SIGNED_IN } from './schemas.js'

/** `/v1/push`: where the calling device is woken while it has no connection. */
export function pushRoutes(server: HttpServer, parts: Authentication & { readonly registry: () => PushRegistry | undefined }): void {
  const registry = (): PushRegistry => {
    const bound = parts.registry()
    if (bound === undefined) throw new EvegramError('unavailable.draining', { operation: 'subscribe to pushes' })
    return bound
  }

  server.put('/v1/push', {
    schema: {
      tags: ['Push'], summary: 'Be woken while there is no connection', security: SIGNED_IN,
      description: 'The endpoint is that of a Web Push subscription (RFC 8030) made for the key that discovery names. Pushes have no payload, so its keys are not asked for. '
        + `One for each device: another one replaces it. It ends with the device, with its session, when the push service no longer knows it, and ${String(LIMITS.pushSubscriptionMs / 86_400_000)} days after it was put last.`,
      body: z.strictObject({ endpoint: z.string().min(1).max(LIMITS.pushEndpointCharactersMax) }),
      response: responses(200, z.object({}).describe('Stored')),
    },
  }, async (request) => {
    const { account, device } = await authenticate(request, parts)
    await registry().subscribe(account, device, request.body.endpoint)
    return {}
  })

  server.delete('/v1/push', {
    schema: {
      tags: ['Push'], summary: 'Be woken no more', security: SIGNED_IN,
      response: responses(200, z.object({}).describe('Ended, or there was none')),
    },
  }, async (request) => {
    const { device } = await authenticate(request, parts)
    await registry().unsubscribe(device)
    return {}
  })
}
