import type { HttpServer } from '@evegram/platform'
import { z } from 'zod'
import type { RateLimits } from '../rate-limits.js'
import type { SigningKeys } from '../signing-keys.js'
import { responses } from './schemas.js'

/** `GET /v1/auth/jwks.json`. */
export function keyRoutes(server: HttpServer, parts: { readonly keys: SigningKeys; readonly limits: RateLimits }): void {
  server.get('/v1/auth/jwks.json', {
    schema: {
      tags: ['Sign in'],
      summary: 'Public keys of access tokens (RFC 7517)',
      response: responses(200, z.object({ keys: z.array(z.record(z.string(), z.unknown())) }).describe('Key set')),
    },
  }, async (request, reply) => {
    await parts.limits.takeForAddress('reads', request.ip)
    void reply.header('cache-control', 'public, max-age=300')
    return { keys: parts.keys.jwks().keys.map((key) => ({ ...key })) }
  })
}
