import { createHash } from 'node:crypto'

/** base64url without padding. */
export function base64urlOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** RFC 7638 thumbprint (base64url of SHA-256) of an Ed25519 public key of 32 bytes, as RFC 8037 appendix A.3 forms it. */
export function thumbprintOf(publicKey: Uint8Array): string {
  const canonical = `{"crv":"Ed25519","kty":"OKP","x":"${base64urlOf(publicKey)}"}`
  return createHash('sha256').update(canonical, 'ascii').digest('base64url')
}
