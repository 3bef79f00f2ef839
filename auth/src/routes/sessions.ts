import type { HttpServer } from '@evegram/platform'
import { z } from 'zod'
import { accountField, bytesField, deviceField, responses, SIGNED_IN, timeAnswer } from './schemas.js'
import { authenticate, dpopOf, type Authentication } from './authenticate.js'

const tokensAnswer = z.object({
  accessToken: z.string(), accessTokenExpiresAtMs: timeAnswer, refreshToken: z.string(), refreshTokenExpiresAtMs: timeAnswer,
}).describe('Tokens, bound to the key of the device')

/** `/v1/auth/session`, `/refresh`, `/logout`. */
export function sessionRoutes(server: HttpServer, parts: Authentication): void {
  const { sessions, limits, config } = parts

  server.post('/v1/auth/session', {
    schema: {
      tags: ['Sign in'],
      summary: 'Open a session with the key of a device',
      description: 'The signature is Ed25519 by the signing key of the device over '
        + 'lp("evegram/session/v1") lp(domain) lp(nonce) lp(account) lp(device). '
        + 'A DPoP proof of the same key comes with it. No wallet is needed.',
      body: z.strictObject({ account: accountField, device: deviceField, nonce: z.string().max(64), signature: bytesField(64) }),
      response: responses(200, tokensAnswer),
    },
  }, async (request) => {
    await limits.takeForAddress('sessions', request.ip)
    return sessions.open(request.body, dpopOf(request, config))
  })

  server.post('/v1/auth/refresh', {
    schema: {
      tags: ['Sign in'],
      summary: 'Exchange a refresh token',
      description: 'The token before the current one gets the same successor for 60 seconds; an older one ends the session.',
      body: z.strictObject({ refreshToken: z.string().max(256) }),
      response: responses(200, tokensAnswer),
    },
  }, async (request) => {
    await limits.takeForAddress('sessions', request.ip)
    return sessions.refresh(request.body.refreshToken, dpopOf(request, config))
  })

  server.post('/v1/auth/logout', {
    schema: {
      tags: ['Sign in'], summary: 'End this session', security: SIGNED_IN,
      response: responses(200, z.object({}).describe('Ended')),
    },
  }, async (request) => {
    await sessions.logout(await authenticate(request, parts))
    return {}
  })
}
