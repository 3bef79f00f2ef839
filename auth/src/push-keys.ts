import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import { SignJWT } from 'jose'
import type { SecretStore } from './ports/secret-store.js'

/** Life of a token for a push service; RFC 8292 section 2 allows a day. */
export const PUSH_TOKEN_MS = 12 * 3_600_000

const SECRET_NAME = 'push-key'
const CURVE = 'prime256v1'
const PRIVATE_KEY_BYTES = 32
/** A random number is no private key of P-256 once in four thousand million times. */
const KEY_TRIES = 8
const ORIGIN_CHARACTERS_MAX = 300

/** A token for one push service with the key that verifies it. */
export interface PushToken {
  /** JWT (ES256) for exactly one origin. */
  readonly token: string
  /** The uncompressed point of P-256 in base64url, 87 characters. */
  readonly key: string
  /** In ms since 1970. */
  readonly expiresAtMs: number
}

/**
 * The key by which push services know this server (VAPID, RFC 8292). Made once and kept for ever: browsers subscribe for this key, and another one would end every
 * subscription. It never leaves auth; who sends pushes asks for tokens.
 */
export class PushKeys {
  readonly #clock: Clock
  readonly #privateKey: KeyObject
  readonly #contact: string | undefined
  /** What browsers subscribe with: the uncompressed point in base64url. */
  readonly publicKey: string

  private constructor(parts: { readonly clock: Clock; readonly secret: Uint8Array; readonly contact: string | undefined }) {
    const point = publicPoint(parts.secret)
    this.publicKey = point.toString('base64url')
    this.#clock = parts.clock
    this.#contact = parts.contact
    this.#privateKey = createPrivateKey({
      format: 'jwk',
      key: {
        kty: 'EC', crv: 'P-256', d: Buffer.from(parts.secret).toString('base64url'),
        // SEC 1 section 2.3.3: 04, then both coordinates of 32 bytes.
        x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url'),
      },
    })
  }

  /**
   * Reads the key, or makes it; of processes that make it at once, all get the same. `contact`: a `mailto:` or `https:` address of the operator, told to push services.
   * Rejects with `unavailable.store`, also for one that is damaged.
   */
  static async open(parts: { readonly store: SecretStore; readonly clock: Clock; readonly random: Random; readonly contact: string | undefined }): Promise<PushKeys> {
    const { store, clock, random, contact } = parts
    const secret = await store.read(SECRET_NAME) ?? await store.write(SECRET_NAME, newPrivateKey(random), undefined)
    try {
      return new PushKeys({ clock, secret, contact })
    } catch {
      // The cause could quote the key.
      throw new EvegramError('unavailable.store', { operation: 'read push key', advice: `The secret ${SECRET_NAME} is damaged: restore it from a backup, or remove it and let every device subscribe again.` })
    }
  }

  /** A token for the push service at `origin`, for {@link PUSH_TOKEN_MS}. Rejects `invalid.argument` for what is no origin. */
  async tokenFor(origin: string): Promise<PushToken> {
    if (origin.length > ORIGIN_CHARACTERS_MAX || !URL.canParse(origin) || new URL(origin).origin !== origin) throw new EvegramError('invalid.argument', { operation: 'sign for push service' })
    const expiresAtS = Math.floor((this.#clock.now() + PUSH_TOKEN_MS) / 1_000)
    const jwt = new SignJWT(this.#contact === undefined ? {} : { sub: this.#contact }).setProtectedHeader({ alg: 'ES256', typ: 'JWT' }).setAudience(origin).setExpirationTime(expiresAtS)
    return { token: await jwt.sign(this.#privateKey), key: this.publicKey, expiresAtMs: expiresAtS * 1_000 }
  }
}

function publicPoint(secret: Uint8Array): Buffer {
  if (secret.length !== PRIVATE_KEY_BYTES) throw new EvegramError('invalid.argument', { operation: 'read push key' })
  const pair = createECDH(CURVE)
  pair.setPrivateKey(secret)
  return pair.getPublicKey()
}

/** FIPS 186-5 appendix A.2.2: random numbers until one is a private key. */
function newPrivateKey(random: Random): Uint8Array {
  for (let tries = 0; tries < KEY_TRIES; tries++) {
    const secret = random.bytes(PRIVATE_KEY_BYTES)
    try {
      publicPoint(secret)
      return secret
    } catch {
      // Zero, or not below the order of the curve: the next one is.
    }
  }
  throw new EvegramError('internal', { operation: 'make push key' })
}
