import { uint64Of } from '@evegram/protocol'
import { equalSecrets, keyedHash } from './keyed-hash.js'
import { base64urlOf } from './key-thumbprint.js'

/** What a refresh token names: a session, and which of its tokens this is. */
export interface RefreshTokenName {
  /** 32 hex digits. */
  readonly family: string
  readonly generation: number
}

const MAC_BYTES = 32
const PATTERN = /^([0-9a-f]{32})\.([1-9][0-9]{0,14})\.([A-Za-z0-9_-]{43})$/

/**
 * The refresh token of a name: `family.generation.HMAC`. Tokens are computed and never stored, so that a stolen store holds none and
 * the same successor can be given twice. They are worth nothing without the key of the device.
 */
export function refreshTokenOf(secret: Uint8Array, name: RefreshTokenName): string {
  return `${name.family}.${String(name.generation)}.${base64urlOf(macOf(secret, name))}`
}

/** The name in a token that we made, undefined for any other text. */
export function readRefreshToken(secret: Uint8Array, token: string): RefreshTokenName | undefined {
  const [, family, generation, mac] = PATTERN.exec(token) ?? []
  if (family === undefined || generation === undefined || mac === undefined) return undefined
  const name = { family, generation: Number(generation) }
  return equalSecrets(Buffer.from(mac, 'base64url'), macOf(secret, name)) ? name : undefined
}

function macOf(secret: Uint8Array, name: RefreshTokenName): Uint8Array {
  return keyedHash(secret, MAC_BYTES, 'evegram/refresh/v1', name.family, uint64Of(name.generation))
}
