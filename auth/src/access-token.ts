import { EvegramError, LIMITS, parseAccountId, parseDeviceId, type AccountId, type Clock, type DeviceId } from '@evegram/protocol'
import { errors, jwtVerify, SignJWT, type JWTPayload } from 'jose'
import { AUTH_LIMITS } from './config.js'
import type { SigningKeys } from './signing-keys.js'

/** Services that take access tokens. */
export const TOKEN_AUDIENCES = ['auth', 'engine', 'wally', 'blobs'] as const
/** A service that takes access tokens. */
export type TokenAudience = (typeof TOKEN_AUDIENCES)[number]

/** What a valid access token says. */
export interface AccessClaims {
  readonly account: AccountId
  readonly device: DeviceId
  readonly family: string
  readonly expiresAtMs: number
  /** RFC 7638 thumbprint of the device's signing key: who uses the token must prove that key. */
  readonly keyThumbprint: string
}

/** RFC 9068 section 2.1 */
const TOKEN_TYPE = 'at+jwt'

/** Signs and reads access tokens: EdDSA JWTs for at most `LIMITS.accessTokenMs`, bound to the key of the device. */
export class AccessTokens {
  readonly #keys: SigningKeys
  readonly #clock: Clock
  readonly #issuer: string

  /** `issuer`: the configured domain. */
  constructor(options: { readonly keys: SigningKeys; readonly clock: Clock; readonly issuer: string }) {
    this.#keys = options.keys
    this.#clock = options.clock
    this.#issuer = options.issuer
  }

  /** A token for all audiences. */
  async issue(claims: Omit<AccessClaims, 'expiresAtMs'>): Promise<{ readonly token: string; readonly expiresAtMs: number }> {
    const { kid, privateKey } = this.#keys.current()
    // JWT times are whole seconds: rounding down keeps the life within its limit.
    const issuedAtS = Math.floor(this.#clock.now() / 1_000)
    const expiresAtS = issuedAtS + LIMITS.accessTokenMs / 1_000
    const token = await new SignJWT({ device: claims.device, family: claims.family, cnf: { jkt: claims.keyThumbprint } })
      .setProtectedHeader({ alg: 'EdDSA', typ: TOKEN_TYPE, kid })
      .setIssuer(this.#issuer).setSubject(claims.account).setAudience([...TOKEN_AUDIENCES])
      .setIssuedAt(issuedAtS).setExpirationTime(expiresAtS)
      .sign(privateKey)
    return { token, expiresAtMs: expiresAtS * 1_000 }
  }

  /**
   * Checks signature, issuer, audience and time; not whether the session still stands. Throws `auth.token_invalid`, `auth.token_expired`;
   * rejects with `unavailable.store` when the keys of other processes cannot be read.
   */
  async read(token: string, audience: TokenAudience): Promise<AccessClaims> {
    if (token.length > AUTH_LIMITS.accessTokenCharactersMax) throw invalid('too long')
    const payload = await this.#verify(token, audience)
    const { sub, device, family, exp, cnf } = payload
    const keyThumbprint = typeof cnf === 'object' && cnf !== null && 'jkt' in cnf ? cnf.jkt : undefined
    if (typeof sub !== 'string' || typeof device !== 'string' || typeof family !== 'string') throw invalid('claims')
    if (typeof keyThumbprint !== 'string' || exp === undefined) throw invalid('claims')
    return { account: parseAccountId(sub), device: parseDeviceId(device), family, keyThumbprint, expiresAtMs: exp * 1_000 }
  }

  async #verify(token: string, audience: TokenAudience): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, async ({ kid }) => {
        const key = await this.#keys.publicKey(kid ?? '')
        if (key === undefined) throw invalid('key')
        return key
      }, {
        algorithms: ['EdDSA'], typ: TOKEN_TYPE, issuer: this.#issuer, audience, currentDate: new Date(this.#clock.now()),
        requiredClaims: ['exp', 'iat', 'sub'],
      })
      return payload
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) throw new EvegramError('auth.token_expired', { operation: 'verify access token' })
      if (cause instanceof EvegramError) throw cause
      if (cause instanceof errors.JOSEError) throw invalid(cause.code)
      throw cause
    }
  }
}

function invalid(reason: string): EvegramError {
  return new EvegramError('auth.token_invalid', { operation: 'verify access token', details: { reason } })
}
