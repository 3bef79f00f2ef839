import {
  EvegramError, hexOf, LIMITS, sessionRequestBytes,
  type AccountId, type AccountState, type Clock, type DeviceId, type LogDevice, type Random,
} from '@evegram/protocol'
import { verifyEd25519, type ProofPrimitives } from '@evegram/protocol/proof'
import type { AccessClaims, AccessTokens, TokenAudience } from './access-token.js'
import type { Accounts } from './accounts.js'
import type { Challenges } from './challenge.js'
import { AUTH_LIMITS, type AuthConfig } from './config.js'
import type { DpopProofs } from './dpop.js'
import { thumbprintOf } from './key-thumbprint.js'
import type { NonceStore } from './ports/nonce-store.js'
import type { SessionRecord, SessionStore } from './ports/session-store.js'
import { readRefreshToken, refreshTokenOf } from './refresh-token.js'

/** Tokens of a session, times in ms since 1970. */
export interface SessionTokens {
  readonly accessToken: string
  readonly accessTokenExpiresAtMs: number
  readonly refreshToken: string
  readonly refreshTokenExpiresAtMs: number
}

/** What a device sends to open a session. */
export interface SessionRequest {
  readonly account: AccountId
  readonly device: DeviceId
  readonly nonce: string
  /** Ed25519 over `sessionRequestBytes`, 64 bytes. */
  readonly signature: Uint8Array
}

/** A session that ended before its time. */
export interface SessionRevocation {
  readonly account: AccountId
  readonly device: DeviceId
  readonly family: string
}

/** The DPoP header of a request and what it must fit. */
export interface DpopRequest {
  readonly proof: string | undefined
  readonly method: string
  /** Configured origin and path. */
  readonly url: string
}

/** What {@link Sessions} needs. */
export interface SessionsOptions {
  readonly config: AuthConfig
  readonly store: SessionStore
  readonly nonces: NonceStore
  readonly accounts: Accounts
  readonly challenges: Challenges
  readonly tokens: Pick<AccessTokens, 'issue' | 'read'>
  readonly dpop: Pick<DpopProofs, 'accept'>
  readonly clock: Clock
  readonly random: Random
  readonly primitives: ProofPrimitives
  /** 32 bytes that make refresh tokens. */
  readonly refreshSecret: Uint8Array
  readonly onRevoked: (revocation: SessionRevocation) => void
}

/** Sessions of devices: opened by the device key, kept by rotating refresh tokens, ended by log-out, reuse, or the account log. */
export class Sessions {
  readonly #options: SessionsOptions

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /**
   * Opens a session for a device that signed a nonce of purpose `session`. Throws `proof.nonce`, `proof.expired`, `proof.replayed`,
   * `account.not_found`, `account.closed`, `account.device_unknown`, `account.device_revoked`, `proof.signature*`, `auth.dpop*`.
   */
  async open(request: SessionRequest, dpop: DpopRequest): Promise<SessionTokens> {
    const { config, challenges, nonces, store, random, clock, primitives } = this.#options
    const nonce = challenges.check(request.nonce, 'session', request.device)
    if (nonce.status === 'refused') throw new EvegramError(nonce.code, { operation: 'open session' })
    const { signingKey } = await this.#activeDevice(request.account, request.device)
    const status = verifyEd25519(primitives, signingKey, sessionRequestBytes({ ...request, domain: config.domain }), request.signature)
    if (status !== 'valid') throw new EvegramError(status, { operation: 'open session' })
    await this.#options.dpop.accept(dpop.proof, { ...dpop, publicKey: signingKey })
    if (await nonces.consume(nonce.use) === 'used') throw new EvegramError('proof.replayed', { operation: 'open session' })
    const nowMs = clock.now()
    const record: SessionRecord = {
      family: hexOf(random.bytes(16)), account: request.account, device: request.device,
      createdAtMs: nowMs, generation: 1, rotatedAtMs: nowMs, expiresAtMs: nowMs + LIMITS.refreshTokenMs,
    }
    // Sessions displaced by this one belong to the same device, which goes on: nobody is told to drop its connection.
    await store.create(record, AUTH_LIMITS.sessionsPerDeviceMax)
    return this.#tokens(record, signingKey)
  }

  /**
   * Exchanges a refresh token. The token before the current one gets the same successor for `LIMITS.refreshGraceMs` (two tabs); any
   * older one ends the session. Throws `auth.token_invalid`, `auth.token_expired`, `auth.token_revoked`, `auth.refresh_reused`,
   * `auth.dpop*`.
   */
  async refresh(refreshToken: string, dpop: DpopRequest): Promise<SessionTokens> {
    const { store, clock, refreshSecret } = this.#options
    const name = readRefreshToken(refreshSecret, refreshToken)
    const known = name === undefined ? undefined : await store.read(name.family)
    if (name === undefined || known === undefined) throw new EvegramError('auth.token_invalid', { operation: 'refresh session' })
    const { signingKey } = await this.#deviceOf(known)
    // Possession first: someone with an old token and no key must not be able to end the session.
    await this.#options.dpop.accept(dpop.proof, { ...dpop, publicKey: signingKey })
    const nowMs = clock.now()
    refuseEnded(known, nowMs)
    const outcome = await store.rotate(name.family, name.generation, nowMs, nowMs + LIMITS.refreshTokenMs)
    switch (outcome.status) {
      case 'rotated':
        return this.#tokens(outcome.record, signingKey)
      case 'refused':
        return this.#refreshAgain(outcome.record, name.generation, signingKey, nowMs)
      case 'unknown':
        throw new EvegramError('auth.token_invalid', { operation: 'refresh session' })
      default:
        return outcome satisfies never
    }
  }

  /** Ends one session. */
  async logout(claims: Pick<AccessClaims, 'account' | 'device' | 'family'>): Promise<void> {
    const { store, clock, onRevoked } = this.#options
    if (await store.revoke(claims.family, 'logout', clock.now())) {
      onRevoked({ account: claims.account, device: claims.device, family: claims.family })
    }
  }

  /** Ends all sessions of devices that the account log has revoked. */
  async endDevices(account: AccountId, devices: readonly DeviceId[], closed: boolean): Promise<void> {
    const { store, clock, onRevoked } = this.#options
    for (const device of devices) {
      const ended = await store.revokeAll(account, device, closed ? 'account_closed' : 'device_revoked', clock.now())
      for (const record of ended) onRevoked(record)
    }
  }

  /**
   * Checks an access token and that its session, device and account still stand. Throws `auth.token_invalid`, `auth.token_expired`,
   * `auth.token_revoked`.
   */
  async verify(token: string, audience: TokenAudience): Promise<AccessClaims & { readonly signingKey: Uint8Array }> {
    const claims = await this.#options.tokens.read(token, audience)
    const record = await this.#options.store.read(claims.family)
    if (record === undefined) throw new EvegramError('auth.token_revoked', { operation: 'verify access token' })
    refuseEnded(record, this.#options.clock.now())
    const { signingKey } = await this.#deviceOf(record)
    return { ...claims, signingKey }
  }

  async #refreshAgain(record: SessionRecord, generation: number, signingKey: Uint8Array, nowMs: number): Promise<SessionTokens> {
    const { store, onRevoked } = this.#options
    refuseEnded(record, nowMs)
    const isPrevious = generation === record.generation - 1
    // A wall clock that was set back makes the age negative: still within the grace.
    if (isPrevious && nowMs - record.rotatedAtMs <= LIMITS.refreshGraceMs) return this.#tokens(record, signingKey)
    // A token ahead of the record was made by a store that has since been restored: it is not known, nor is it a theft.
    if (generation > record.generation) throw new EvegramError('auth.token_invalid', { operation: 'refresh session' })
    if (await store.revoke(record.family, 'refresh_reused', nowMs)) onRevoked(record)
    throw new EvegramError('auth.refresh_reused', { operation: 'refresh session' })
  }

  async #tokens(record: SessionRecord, signingKey: Uint8Array): Promise<SessionTokens> {
    const { account, device, family, generation } = record
    const access = await this.#options.tokens.issue({ account, device, family, keyThumbprint: thumbprintOf(signingKey) })
    return {
      accessToken: access.token, accessTokenExpiresAtMs: access.expiresAtMs,
      refreshToken: refreshTokenOf(this.#options.refreshSecret, { family, generation }), refreshTokenExpiresAtMs: record.expiresAtMs,
    }
  }

  /** The device of a session, or `auth.token_revoked`: the account log has the last word, even before the session was ended. */
  async #deviceOf(record: SessionRecord): Promise<LogDevice> {
    const state = await this.#options.accounts.state(record.account)
    const device = state?.devices.get(record.device)
    if (state === undefined || state.closed || device?.active !== true) {
      throw new EvegramError('auth.token_revoked', { operation: 'check device' })
    }
    return device
  }

  async #activeDevice(account: AccountId, device: DeviceId): Promise<LogDevice> {
    const state: AccountState | undefined = await this.#options.accounts.state(account)
    const known = state?.devices.get(device)
    const code = state === undefined ? 'account.not_found' : state.closed ? 'account.closed'
      : known === undefined ? 'account.device_unknown' : known.active ? undefined : 'account.device_revoked'
    if (known === undefined || code !== undefined) throw new EvegramError(code ?? 'account.device_unknown', { operation: 'open session' })
    return known
  }
}

function refuseEnded(record: SessionRecord, nowMs: number): void {
  if (record.revoked !== undefined) {
    throw new EvegramError('auth.token_revoked', { operation: 'check session', details: { reason: record.revoked.reason } })
  }
  if (record.expiresAtMs <= nowMs) {
    throw new EvegramError(
      'auth.token_expired', { operation: 'check session', advice: 'The session was not used for too long: sign in again.' },
    )
  }
}
