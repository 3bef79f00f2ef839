import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { EvegramError, hexOf, utf8, type Clock, type Random } from '@evegram/protocol'
import type { JWK } from 'jose'
import { z } from 'zod'
import type { SecretStore } from './ports/secret-store.js'

/** Age at which a new key takes over signing. */
export const SIGNING_KEY_ROTATION_MS = 90 * 24 * 3_600_000
/** How long an old key still verifies: far beyond the life of any token. */
export const SIGNING_KEY_OVERLAP_MS = 24 * 3_600_000

const SECRET_NAME = 'token-signing-keys'

const storedKeys = z.array(z.strictObject({ kid: z.string(), createdAtMs: z.number(), privateKey: z.base64url() })).min(1).max(16)

interface SigningKey {
  readonly kid: string
  readonly createdAtMs: number
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** The Ed25519 keys that sign access tokens: the newest signs, the ones before it verify until tokens of them have run out. */
export class SigningKeys {
  readonly #store: SecretStore
  readonly #clock: Clock
  readonly #random: Random
  /** Oldest first. */
  #keys: readonly SigningKey[] = []

  constructor(options: { readonly store: SecretStore; readonly clock: Clock; readonly random: Random }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#random = options.random
  }

  /** Reads the keys, or makes the first, and rotates when it is time. Call at start, then daily. Rejects with `unavailable.store`. */
  async refresh(): Promise<void> {
    const stored = await this.#store.read(SECRET_NAME)
    const keys = stored === undefined ? [] : readKeys(stored)
    const nowMs = this.#clock.now()
    const newest = keys.at(-1)
    if (newest !== undefined && nowMs - newest.createdAtMs < SIGNING_KEY_ROTATION_MS) {
      this.#keys = keys.filter(
        (_, index) => index === keys.length - 1 || nowMs < (keys[index + 1]?.createdAtMs ?? 0) + SIGNING_KEY_OVERLAP_MS
      )
      return
    }
    const kept = newest === undefined ? [] : [newest]
    const next = [...kept, makeKey(hexOf(this.#random.bytes(8)), nowMs)]
    // Durable before the first token is signed with it: a restart must still verify that token.
    await this.#store.write(SECRET_NAME, writeKeys(next))
    this.#keys = next
  }

  /** The key that signs now. Throws `unavailable.auth` before {@link refresh}. */
  current(): { readonly kid: string; readonly privateKey: KeyObject } {
    const newest = this.#keys.at(-1)
    if (newest === undefined) throw new EvegramError('unavailable.auth', { operation: 'sign token' })
    return newest
  }

  /** The public key called `kid`. */
  publicKey(kid: string): KeyObject | undefined {
    return this.#keys.find((key) => key.kid === kid)?.publicKey
  }

  /** All keys that verify, for the JWKS document (RFC 7517). */
  jwks(): { readonly keys: readonly JWK[] } {
    return { keys: this.#keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' })) }
  }
}

function makeKey(kid: string, createdAtMs: number): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { kid, createdAtMs, privateKey, publicKey }
}

function writeKeys(keys: readonly SigningKey[]): Uint8Array {
  return utf8(JSON.stringify(keys.map(({ kid, createdAtMs, privateKey }) => ({
    kid, createdAtMs, privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url'),
  }))))
}

function readKeys(bytes: Uint8Array): SigningKey[] {
  try {
    return storedKeys.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))).map(({ kid, createdAtMs, privateKey }) => {
      const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64url'), format: 'der', type: 'pkcs8' })
      return { kid, createdAtMs, privateKey: key, publicKey: createPublicKey(key) }
    })
  } catch {
    // The cause could quote the file, which is a secret.
    throw new EvegramError('unavailable.store', {
      operation: 'read signing keys',
      advice: 'The file with the signing keys is damaged: restore it, or remove it and let everyone sign in again.',
    })
  }
}
