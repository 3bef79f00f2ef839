import { decodeCbor, CborFields, encodeCbor, EvegramError, isEvegramError, type ErrorCode } from '@evegram/protocol'
import type { AuthApi, SessionTokens, TokenSource } from './auth-api.js'
import type { DeviceSigner } from './device-signer.js'
import type { ServerClock } from './server-clock.js'

/** What a {@link DeviceSession} needs. */
export interface DeviceSessionOptions {
  readonly api: AuthApi
  readonly signer: DeviceSigner
  readonly serverClock: ServerClock
  /** Tokens of an earlier run of this profile. */
  readonly tokens?: SessionTokens
  /** Makes new tokens durable. They are used only after it resolved. */
  save(tokens: SessionTokens): Promise<void>
}

/** A token is replaced this long before it runs out, so that it outlives the request that it goes with. */
const TOKEN_SPARE_MS = 30_000

/** Answers to a refresh after which the key of the device opens a new session: the old one is gone, the device is not. */
const REOPEN_CODES: ReadonlySet<ErrorCode> = new Set([
  'auth.refresh_reused', 'auth.token_invalid', 'auth.token_expired', 'auth.token_revoked',
])

/** Answers to a challenge that was used or ran out on the way: the device may sign another. */
const STALE_CHALLENGE_CODES: ReadonlySet<ErrorCode> = new Set(['proof.replayed', 'proof.nonce', 'proof.expired'])

/**
 * The session of a device: hands out access tokens and replaces them before they run out. Calls at one time share one refresh.
 * When there is no refresh token, or the server no longer takes it, the key of the device opens a new session; the wallet is not
 * needed. A device that was revoked gets the server's refusal (`account.device_unknown`, `auth.token_revoked`).
 */
export class DeviceSession implements TokenSource {
  readonly #options: DeviceSessionOptions
  #tokens: SessionTokens | undefined
  #accessTokenRefused = false
  #renewal: Promise<SessionTokens> | undefined

  constructor(options: DeviceSessionOptions) {
    this.#options = options
    this.#tokens = options.tokens
  }

  get signer(): DeviceSigner {
    return this.#options.signer
  }

  /** The current tokens: for the access token's expiry. */
  get tokens(): SessionTokens | undefined {
    return this.#tokens
  }

  /** A token good for at least 30 s. Rejects as the API and `save` do. */
  async accessToken(): Promise<string> {
    const tokens = this.#tokens
    const now = this.#options.serverClock.now()
    if (tokens !== undefined && !this.#accessTokenRefused && tokens.accessTokenExpiresAtMs - now > TOKEN_SPARE_MS) return tokens.accessToken
    this.#renewal ??= this.#renew(tokens).finally(() => {
      this.#renewal = undefined
    })
    return (await this.#renewal).accessToken
  }

  forgetAccessToken(): void {
    this.#accessTokenRefused = true
  }

  /** Ends the session on the server. The next `accessToken` opens a new one. */
  async close(): Promise<void> {
    if (this.#tokens === undefined) return
    await this.#options.api.closeSession(this)
    this.#tokens = undefined
  }

  async #renew(old: SessionTokens | undefined): Promise<SessionTokens> {
    const fresh = old === undefined ? await this.#open() : await this.#refresh(old)
    // Durable before use: a token that was used and lost would look like a stolen one to the server.
    await this.#options.save(fresh)
    this.#tokens = fresh
    this.#accessTokenRefused = false
    return fresh
  }

  async #refresh(old: SessionTokens): Promise<SessionTokens> {
    try {
      return await this.#options.api.refreshSession(this.signer, old.refreshToken)
    } catch (error) {
      if (!isEvegramError(error) || !REOPEN_CODES.has(error.code)) throw error
      return this.#open()
    }
  }

  /** The network may repeat a request, and then answer with what became of the copy: another challenge tells. */
  async #open(): Promise<SessionTokens> {
    try {
      return await this.#options.api.openSession(this.signer)
    } catch (error) {
      if (!isEvegramError(error) || !STALE_CHALLENGE_CODES.has(error.code)) throw error
      return this.#options.api.openSession(this.signer)
    }
  }
}

/** Largest stored tokens. */
const TOKENS_BYTES_MAX = 16_384

/** The row that keeps tokens in the local store. */
export function encodeTokens(tokens: SessionTokens): Uint8Array {
  return encodeCbor({ ...tokens, v: 1 })
}

/** Reads what {@link encodeTokens} wrote. Throws `client.store`. */
export function decodeTokens(row: Uint8Array): SessionTokens {
  try {
    const fields = new CborFields(decodeCbor(row, TOKENS_BYTES_MAX), 'client.store')
    if (fields.uint('v') !== 1) fields.fail('version 1')
    return {
      accessToken: fields.text('accessToken', TOKENS_BYTES_MAX), accessTokenExpiresAtMs: fields.uint('accessTokenExpiresAtMs'),
      refreshToken: fields.text('refreshToken', TOKENS_BYTES_MAX), refreshTokenExpiresAtMs: fields.uint('refreshTokenExpiresAtMs'),
    }
  } catch (cause) {
    throw new EvegramError('client.store', { operation: 'read session', cause })
  }
}
