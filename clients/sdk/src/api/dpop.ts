import { utf8, type Random } from '@evegram/protocol'
import { sha256 } from '@noble/hashes/sha2.js'
import { base64urlnopad } from '@scure/base'
import type { DeviceSigner } from './device-signer.js'

/** What one proof is for. */
export interface DpopRequest {
  readonly method: string
  /** Origin and path of the request as the server is configured, without query and fragment. */
  readonly url: string
  /** The access token that goes with it; its hash is bound. */
  readonly accessToken?: string
  /** Server time in ms since 1970. */
  readonly nowMs: number
}

/** Bytes of randomness in the `jti` of a proof. */
const JTI_BYTES = 16

const encoded = (value: object): string => base64urlnopad.encode(utf8(JSON.stringify(value)))

function publicJwk(publicKey: Uint8Array): { readonly crv: 'Ed25519'; readonly kty: 'OKP'; readonly x: string } {
  return { crv: 'Ed25519', kty: 'OKP', x: base64urlnopad.encode(publicKey) }
}

/** RFC 7638 thumbprint of an Ed25519 public key (RFC 8037 section 2), base64url: the `cnf.jkt` of the device's tokens. */
export function jwkThumbprint(publicKey: Uint8Array): string {
  // The members in lexicographic order and nothing else: RFC 7638 section 3.
  return base64urlnopad.encode(sha256(utf8(JSON.stringify(publicJwk(publicKey)))))
}

/** A DPoP proof (RFC 9449 section 4.2): a JWS by the device's signing key, EdDSA, good for this one request. */
export function dpopProof(signer: DeviceSigner, request: DpopRequest, random: Random): string {
  const header = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: publicJwk(signer.publicKey) }
  const payload = {
    jti: base64urlnopad.encode(random.bytes(JTI_BYTES)), htm: request.method, htu: request.url, iat: Math.floor(request.nowMs / 1_000),
    ...(request.accessToken === undefined ? {} : { ath: base64urlnopad.encode(sha256(utf8(request.accessToken))) }),
  }
  const signed = `${encoded(header)}.${encoded(payload)}`
  return `${signed}.${base64urlnopad.encode(signer.sign(utf8(signed)))}`
}
