import { createPublicKey, type KeyObject } from 'node:crypto'
import { EvegramError, type Clock } from '@evegram/protocol'
import { errors, jwtVerify, SignJWT } from 'jose'
import { ed25519KeyOfSeed } from './ed25519-key.js'

/** Life of a token between services, in seconds: long enough to be reused, short enough that a stolen one is soon worthless. */
export const SERVICE_TOKEN_LIFE_S = 60
/** Difference of two machines' wall clocks that is forgiven, in seconds. */
const LEEWAY_S = 5
/** A token is replaced when less than this of its life is left, in ms: more than a request and a difference of clocks take. */
const RENEW_BEFORE_END_MS = 15_000
/** Type of these tokens (RFC 8725 section 3.11), so that no other token signed by the same key passes. */
const TOKEN_TYPE = 'evegram-service+jwt'
/** Longest token that is looked at. */
const TOKEN_CHARACTERS_MAX = 1_024
/** Services that one process calls. */
const AUDIENCES_MAX = 16
const KEY_BYTES = 32
/** DER in front of a raw Ed25519 public key (RFC 8410 section 4). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')

/** Name of a service in tokens: lower-case letters and `-`. */
export type ServiceName = string

/** Public keys (32 bytes of Ed25519) of the services that may call, by name. */
export type ServiceKeys = ReadonlyMap<ServiceName, Uint8Array>

/** Signs the tokens with which one service calls others: EdDSA JWTs, `iss` = the caller, `aud` = the called one. Tokens are reused until shortly before their end. */
export class ServiceTokens {
  readonly #name: ServiceName
  readonly #key: KeyObject
  readonly #clock: Pick<Clock, 'now'>
  readonly #tokens = new Map<ServiceName, { readonly token: Promise<string>; readonly expiresAtMs: number }>()

  /** `seed`: the private key of the service, 32 bytes; `clock`: the time that the called ones are expected to agree with. Throws `invalid.config` for another length. */
  constructor(options: { readonly name: ServiceName; readonly seed: Uint8Array; readonly clock: Pick<Clock, 'now'> }) {
    if (options.seed.length !== KEY_BYTES) throw new EvegramError('invalid.config', { operation: 'read service key' })
    this.#name = options.name
    this.#clock = options.clock
    this.#key = ed25519KeyOfSeed(options.seed)
  }

  /** The public key that belongs to the seed, 32 bytes: what the others have in `EVEGRAM_SERVICE_KEYS`. */
  get publicKey(): Uint8Array {
    return createPublicKey(this.#key).export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length)
  }

  /** A token for calls of `audience`, good for {@link RENEW_BEFORE_END_MS} at least. */
  tokenFor(audience: ServiceName): Promise<string> {
    const nowMs = this.#clock.now()
    const known = this.#tokens.get(audience)
    // A wall clock that was set back would make a token of the future, which the other side refuses.
    const life = known === undefined ? 0 : known.expiresAtMs - nowMs
    if (known !== undefined && life > RENEW_BEFORE_END_MS && life <= SERVICE_TOKEN_LIFE_S * 1_000) return known.token
    if (known === undefined && this.#tokens.size >= AUDIENCES_MAX) throw new EvegramError('invalid.argument', { operation: 'make service token' })
    // JWT times are whole seconds: rounding down keeps the life within its limit.
    const issuedAtS = Math.floor(nowMs / 1_000)
    const expiresAtS = issuedAtS + SERVICE_TOKEN_LIFE_S
    const token = new SignJWT({}).setProtectedHeader({ alg: 'EdDSA', typ: TOKEN_TYPE })
      .setIssuer(this.#name).setAudience(audience).setIssuedAt(issuedAtS).setExpirationTime(expiresAtS).sign(this.#key)
    this.#tokens.set(audience, { token, expiresAtMs: expiresAtS * 1_000 })
    return token
  }
}

/** Checks the tokens of calling services against their configured public keys. */
export class ServiceVerifier {
  readonly #name: ServiceName
  readonly #clock: Pick<Clock, 'now'>
  readonly #keys = new Map<ServiceName, KeyObject>()

  /** `name`: the service that is called. Throws `invalid.config` for a key that is none. */
  constructor(options: { readonly name: ServiceName; readonly keys: ServiceKeys; readonly clock: Pick<Clock, 'now'> }) {
    this.#name = options.name
    this.#clock = options.clock
    for (const [caller, key] of options.keys) {
      if (key.length !== KEY_BYTES) throw new EvegramError('invalid.config', { operation: `read service key of ${caller}` })
      this.#keys.set(caller, createPublicKey({ key: Buffer.concat([SPKI_HEAD, key]), format: 'der', type: 'spki' }))
    }
  }

  /**
   * The calling service, one of `callers`, by the `Authorization: Bearer` header of a request. Throws `auth.service` for a missing, foreign, expired
   * or future token.
   */
  async callerOf(authorization: string | undefined, callers: readonly ServiceName[]): Promise<ServiceName> {
    const token = /^Bearer ([A-Za-z0-9._-]+)$/.exec(authorization ?? '')?.[1] ?? ''
    if (token === '' || token.length > TOKEN_CHARACTERS_MAX) throw refused('no token')
    const currentDate = new Date(this.#clock.now())
    for (const caller of callers) {
      const key = this.#keys.get(caller)
      if (key === undefined) continue
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ['EdDSA'], typ: TOKEN_TYPE, issuer: caller, audience: this.#name, clockTolerance: LEEWAY_S, currentDate,
          // Refuses what was signed for longer than we sign, and what comes from the future.
          maxTokenAge: SERVICE_TOKEN_LIFE_S, requiredClaims: ['exp', 'iat'],
        })
        if ((payload.exp ?? 0) - (payload.iat ?? 0) > SERVICE_TOKEN_LIFE_S) throw refused('life')
        return caller
      } catch (failure) {
        // Another caller's key may fit; what is no judgement about the token is a fault of ours.
        if (!(failure instanceof errors.JOSEError)) throw failure
      }
    }
    throw refused('token')
  }
}

function refused(reason: string): EvegramError {
  return new EvegramError('auth.service', { operation: 'check calling service', details: { reason } })
}
