import type { IncomingHttpHeaders } from 'node:http'

/** What a request shows to say who made it: undefined where it is not there, or not in its form. */
export interface DpopCredentials {
  readonly token: string | undefined
  readonly proof: string | undefined
}

/** The token of `Authorization: DPoP <token>` and the proof of the `DPoP` header (RFC 9449 section 7.1). Checks neither. */
export function dpopCredentialsOf(headers: IncomingHttpHeaders): DpopCredentials {
  const proof = headers['dpop']
  return { token: /^DPoP ([A-Za-z0-9._~+/=-]+)$/i.exec(headers.authorization ?? '')?.[1], proof: typeof proof === 'string' ? proof : undefined }
}
