import type { HttpServer } from '@evegram/platform'
import { z } from 'zod'
import type { Challenges } from '../challenge.js'
import type { RateLimits } from '../rate-limits.js'
import { deviceField, purposeField, responses, timeAnswer } from './schemas.js'

/** `POST /v1/auth/challenge`. */
export function challengeRoutes(server: HttpServer, parts: { readonly challenges: Challenges; readonly limits: RateLimits }): void {
  server.post('/v1/auth/challenge', {
    schema: {
      tags: ['Sign in'],
      summary: 'A nonce for one purpose and one device',
      description: 'Good once, for ten minutes. The text that a wallet signs is built by the client; '
        + 'the server gives nothing but these three values.',
      body: z.strictObject({ purpose: purposeField, device: deviceField }),
      response: responses(
        200, z.object({ nonce: z.string(), issuedAtMs: timeAnswer, expirationTimeMs: timeAnswer }).describe('The challenge'),
      ),
    },
  }, async (request) => {
    await parts.limits.takeForAddress('reads', request.ip)
    return parts.challenges.issue(request.body.purpose, request.body.device)
  })
}
