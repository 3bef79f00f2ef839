import type { IncomingHttpHeaders } from 'node:http'
import { DPOP_CHARACTERS_MAX, TOKEN_CHARACTERS_MAX } from './internal-api.js'

/** What a request shows to say who made it: undefined where it is not there, not in its form, or longer than any that auth makes. */
export interface DpopCredentials {
  readonly token: string | undefined
  readonly proof: string | undefined
}

/** The token of `Authorization: DPoP <token>` and the proof of the `DPoP` header (RFC 9449 section 7.1). Checks neither. */
export function dpopCredentialsOf(headers: IncomingHttpHeaders): DpopCredentials {
  const proof = headers['dpop']
  const token = /^DPoP ([A-Za-z0-9._~+/=-]+)$/i.exec(headers.authorization ?? '')?.[1]
  return {
    token: token !== undefined && token.length <= TOKEN_CHARACTERS_MAX ? token : undefined,
    proof: typeof proof === 'string' && proof.length <= DPOP_CHARACTERS_MAX ? proof : undefined,
  }
}
