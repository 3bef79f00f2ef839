import { createHash, createPublicKey } from 'node:crypto'
import { EvegramError, type Clock } from '@evegram/protocol'
import { decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { z } from 'zod'
import { base64urlOf, thumbprintOf } from './key-thumbprint.js'
import { DPOP_SKEW_MS, LocalUsedProofs } from './local-used-proofs.js'
import type { UsedProofs } from './ports/used-proofs.js'

const PROOF_CHARACTERS_MAX = 4_096

/** RFC 9449 section 4.2: the header names its own key, which must be the public half only. */
const dpopHeader = z.object({
  typ: z.literal('dpop+jwt'),
  alg: z.literal('EdDSA'),
  jwk: z.strictObject({
    kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(),
    alg: z.string().optional(), use: z.string().optional(), kid: z.string().optional(),
  }),
})
const dpopClaims = z.object({
  jti: z.string().min(8).max(128),
  htm: z.string(),
  htu: z.string(),
  iat: z.number(),
  ath: z.string().optional(),
})

/** What a proof must fit. */
export interface DpopExpectation {
  readonly method: string
  /** Configured origin and path, without query: `https://chat.example/v1/prekeys`. */
  readonly url: string
  /** The Ed25519 key (32 bytes) that must have signed. */
  readonly publicKey: Uint8Array
  /** The access token that the proof must name; absent where none is presented. */
  readonly accessToken?: string
}

/**
 * Checks DPoP proofs (RFC 9449 section 4.3). Proofs are good once; which were used is known to this process, or to all that share the memory, and may
 * be forgotten, so the minute in which a proof is fresh is what limits a thief then.
 */
export class DpopProofs {
  readonly #clock: Clock
  readonly #used: UsedProofs

  /** `used`: the memory of this process, unless it is shared. */
  constructor(clock: Clock, used: UsedProofs = new LocalUsedProofs(clock)) {
    this.#clock = clock
    this.#used = used
  }

  /** Accepts the proof once. Throws `auth.dpop` (details.check names what failed), `auth.dpop_replayed`, `limited.queue`. */
  async accept(proof: string | undefined, expected: DpopExpectation): Promise<void> {
    if (proof === undefined || proof.length > PROOF_CHARACTERS_MAX) throw refused('header')
    const header = dpopHeader.safeParse(readHeader(proof))
    if (!header.success) throw refused('jwt header')
    if (header.data.jwk.x !== base64urlOf(expected.publicKey)) throw refused('key')
    const claims = await this.#verify(proof, expected.publicKey)
    if (claims.htm !== expected.method) throw refused('htm')
    if (claims.htu !== expected.url) throw refused('htu')
    if (Math.abs(claims.iat * 1_000 - this.#clock.now()) > DPOP_SKEW_MS) throw refused('iat')
    // RFC 9449 section 4.3 step 12: with an access token the proof must carry its hash.
    if (expected.accessToken !== undefined && claims.ath !== hashOfToken(expected.accessToken)) throw refused('ath')
    if (!await this.#used.use(`${thumbprintOf(expected.publicKey)}.${claims.jti}`)) {
      throw new EvegramError('auth.dpop_replayed', { operation: 'check DPoP' })
    }
  }

  async #verify(proof: string, publicKey: Uint8Array): Promise<z.output<typeof dpopClaims>> {
    try {
      const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: base64urlOf(publicKey) }, format: 'jwk' })
      const { payload } = await jwtVerify(proof, key, { algorithms: ['EdDSA'], typ: 'dpop+jwt', currentDate: new Date(this.#clock.now()) })
      const claims = dpopClaims.safeParse(payload)
      if (!claims.success) throw refused('claims')
      return claims.data
    } catch (cause) {
      if (cause instanceof errors.JOSEError) throw refused(cause.code)
      throw cause
    }
  }
}

/** RFC 9449 section 4.2, `ath`: base64url of SHA-256 of the token's ASCII. */
export function hashOfToken(accessToken: string): string {
  return createHash('sha256').update(accessToken, 'ascii').digest('base64url')
}

function readHeader(proof: string): unknown {
  try {
    return decodeProtectedHeader(proof)
  } catch {
    // What does not parse is no proof; the schema below says so.
    return undefined
  }
}

function refused(check: string): EvegramError {
  return new EvegramError('auth.dpop', { operation: 'check DPoP', details: { check } })
}
