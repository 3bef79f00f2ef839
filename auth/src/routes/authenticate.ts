import { dpopCredentialsOf } from '@evegram/platform'
import { EvegramError, type AccountId, type DeviceId } from '@evegram/protocol'
import type { FastifyRequest } from 'fastify'
import type { TokenAudience } from '../access-token.js'
import type { AuthConfig } from '../config.js'
import type { DpopProofs } from '../dpop.js'
import { thumbprintOf } from '../key-thumbprint.js'
import type { RateLimits } from '../rate-limits.js'
import type { DpopRequest, Sessions } from '../sessions.js'

/** Who makes a request. */
export interface Caller {
  readonly account: AccountId
  readonly device: DeviceId
  readonly family: string
}

/** What {@link authenticate} needs. */
export interface Authentication {
  readonly config: AuthConfig
  readonly sessions: Sessions
  readonly dpop: DpopProofs
  readonly limits: RateLimits
}

/**
 * The caller of a request with `Authorization: DPoP <token>` and a DPoP proof for it.
 * Throws `auth.token_*`, `auth.dpop*`, `limited.rate`.
 */
export async function authenticate(request: FastifyRequest, parts: Authentication): Promise<Caller> {
  await parts.limits.takeForAddress('reads', request.ip)
  const { token: accessToken } = dpopCredentialsOf(request.headers)
  if (accessToken === undefined) throw new EvegramError('auth.token_missing', { operation: 'authenticate' })
  return callerOf(accessToken, 'auth', dpopOf(request, parts.config), parts)
}

/** The holder of a token for `audience`, who proved the key of the device. Throws `auth.token_*`, `auth.dpop*`, `limited.rate`. */
export async function callerOf(accessToken: string, audience: TokenAudience, { proof, method, url }: DpopRequest, parts: Omit<Authentication, 'config'>): Promise<Caller> {
  const { account, device, family, keyThumbprint, signingKey } = await parts.sessions.verify(accessToken, audience)
  // A device id is the hash of its keys, so these can only differ if a token was signed for something else.
  if (keyThumbprint !== thumbprintOf(signingKey)) throw new EvegramError('auth.token_invalid', { operation: 'authenticate' })
  await parts.dpop.accept(proof, { method, url, publicKey: signingKey, accessToken })
  await parts.limits.takeForDevice(device)
  return { account, device, family }
}

/** The DPoP header of a request, and what it must name: its method, and the configured origin with its path. */
export function dpopOf(request: FastifyRequest, config: AuthConfig): DpopRequest {
  const path = (request.raw.url ?? '').split('?')[0] ?? ''
  return { proof: dpopCredentialsOf(request.headers).proof, method: request.method, url: `${config.origin}${path}` }
}
