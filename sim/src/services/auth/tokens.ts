import { createHmac } from 'node:crypto'
import type { AccessClaims } from '@evegram/auth/core'
import { EvegramError, parseAccountId, parseDeviceId, type Clock } from '@evegram/protocol'

/**
 * Access tokens of the simulator in the place of JWTs: the claims as text with a keyed hash, made and read without waiting, where the real
 * ones are signed and verified by asynchronous library code. They say the same, for at most `LIMITS.accessTokenMs`, for all audiences.
 */
export class SimTokens {
  readonly #secret: Uint8Array
  readonly #clock: Clock
  readonly #lifeMs: number

  /** `secret`: the same for all instances, over restarts. `lifeMs`: at most `LIMITS.accessTokenMs`. */
  constructor(secret: Uint8Array, clock: Clock, lifeMs: number) {
    this.#lifeMs = lifeMs
    this.#secret = secret
    this.#clock = clock
  }

  /** A token for all audiences. */
  issue(claims: Omit<AccessClaims, 'expiresAtMs'>): Promise<{ readonly token: string; readonly expiresAtMs: number }> {
    // Whole seconds, rounded down, as in a JWT.
    const expiresAtMs = Math.floor(this.#clock.now() / 1_000) * 1_000 + this.#lifeMs
    const text = [claims.account, claims.device, claims.family, claims.keyThumbprint, String(expiresAtMs)].join('.')
    return Promise.resolve({ token: `${text}.${this.#hash(text)}`, expiresAtMs })
  }

  /** The claims. Rejects with `auth.token_invalid`, `auth.token_expired`. */
  async read(token: string): Promise<AccessClaims> {
    const end = token.lastIndexOf('.')
    const text = token.slice(0, Math.max(0, end))
    const [account, device, family, keyThumbprint, expires] = text.split('.')
    if (this.#hash(text) !== token.slice(end + 1) || account === undefined || device === undefined || family === undefined
      || keyThumbprint === undefined || expires === undefined) {
      throw new EvegramError('auth.token_invalid', { operation: 'verify access token' })
    }
    const expiresAtMs = Number(expires)
    if (expiresAtMs <= this.#clock.now()) throw new EvegramError('auth.token_expired', { operation: 'verify access token' })
    return { account: parseAccountId(account), device: parseDeviceId(device), family, keyThumbprint, expiresAtMs }
  }

  #hash(text: string): string {
    return createHmac('sha256', this.#secret).update(text, 'utf8').digest('base64url')
  }
}
