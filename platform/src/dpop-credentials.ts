import { EvegramError } from '@evegram/protocol'
import type { IncomingHttpHeaders } from 'node:http'
import { DPOP_CHARACTERS_MAX, TOKEN_CHARACTERS_MAX } from './internal-api.js'

/** What a request shows to say who made it: undefined where it is not there or not in its form. */
export interface DpopCredentials {
  readonly token: string | undefined
  readonly proof: string | undefined
}

/** The token of `Authorization: DPoP <token>` and the proof of the `DPoP` header (RFC 9449 section 7.1). Checks neither, but throws `auth.token_invalid` for a token longer than any that auth makes. */
export function dpopCredentialsOf(headers: IncomingHttpHeaders): DpopCredentials {
  const proof = headers['dpop']
  const token = /^DPoP ([A-Za-z0-9._~+/=-]+)$/i.exec(headers.authorization ?? '')?.[1]
  if (token !== undefined && token.length > TOKEN_CHARACTERS_MAX) throw new EvegramError('auth.token_invalid', { operation: 'read credentials' })
  return { token, proof: typeof proof === 'string' && proof.length <= DPOP_CHARACTERS_MAX ? proof : undefined }
}
