import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { ed25519KeyOfSeed } from '@evegram/platform'
import { EvegramError, hexOf, sleep, utf8, type Clock, type Random } from '@evegram/protocol'
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

/** Least time between two looks for keys that others made: a flood of tokens with made-up names costs one read in this time. */
export const KEY_LOOK_MS = 1_000

/**
 * The Ed25519 keys that sign access tokens: the newest signs, the ones before it verify until tokens of them have run out. Any number of
 * processes may share them: of those that rotate at once one makes the new key, and the others learn of it when they meet its name.
 */
export class SigningKeys {
  readonly #store: SecretStore
  readonly #clock: Clock
  readonly #random: Random
  /** Oldest first. */
  #keys: readonly SigningKey[] = []
  #looking: Promise<void> | undefined
  /** When the next look may begin, in monotonic ms. */
  #lookAtMs = 0

  constructor(options: { readonly store: SecretStore; readonly clock: Clock; readonly random: Random }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#random = options.random
  }

  /** Reads the keys, or makes the first, and rotates when it is time. Call at start, then hourly. Rejects with `unavailable.store`. */
  async refresh(): Promise<void> {
    const stored = await this.#store.read(SECRET_NAME)
    const keys = stored === undefined ? [] : readKeys(stored)
    const nowMs = this.#clock.now()
    const newest = keys.at(-1)
    if (newest !== undefined && nowMs - newest.createdAtMs < SIGNING_KEY_ROTATION_MS) {
      this.#adopt(keys)
      return
    }
    const kept = newest === undefined ? [] : [newest]
    const next = [...kept, makeKey(hexOf(this.#random.bytes(8)), this.#random.bytes(32), nowMs)]
    // Durable before the first token is signed with it: a restart must still verify that token. Another process may have been faster.
    this.#adopt(readKeys(await this.#store.write(SECRET_NAME, writeKeys(next), stored)))
  }

  /** The key that signs now. Throws `unavailable.auth` before {@link refresh}. */
  current(): { readonly kid: string; readonly privateKey: KeyObject } {
    const newest = this.#keys.at(-1)
    if (newest === undefined) throw new EvegramError('unavailable.auth', { operation: 'sign token' })
    return newest
  }

  /**
   * The public key called `kid`. One that is not known is looked for in the store, where another process may have put it; that may take up to
   * {@link KEY_LOOK_MS}. Rejects with `unavailable.store`.
   */
  async publicKey(kid: string): Promise<KeyObject | undefined> {
    const known = this.#keyCalled(kid)
    if (known !== undefined) return known
    await this.#look()
    return this.#keyCalled(kid)
  }

  /** All keys that verify, for the JWKS document (RFC 7517). */
  jwks(): { readonly keys: readonly JWK[] } {
    return { keys: this.#keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' })) }
  }

  /** Reads the keys once for all who ask meanwhile, no sooner than {@link KEY_LOOK_MS} after the look before. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => { this.#looking = undefined })
    return this.#looking
  }

  async #lookNow(): Promise<void> {
    const waitMs = this.#lookAtMs - this.#clock.monotonicMs()
    if (waitMs > 0) await sleep(this.#clock, waitMs)
    this.#lookAtMs = this.#clock.monotonicMs() + KEY_LOOK_MS
    const stored = await this.#store.read(SECRET_NAME)
    if (stored !== undefined) this.#adopt(readKeys(stored))
  }

  #adopt(keys: readonly SigningKey[]): void {
    const nowMs = this.#clock.now()
    this.#keys = keys.filter((_, index) => index === keys.length - 1 || nowMs < (keys[index + 1]?.createdAtMs ?? 0) + SIGNING_KEY_OVERLAP_MS)
  }

  #keyCalled(kid: string): KeyObject | undefined {
    return this.#keys.find((key) => key.kid === kid)?.publicKey
  }
}

function makeKey(kid: string, seed: Uint8Array, createdAtMs: number): SigningKey {
  const privateKey = ed25519KeyOfSeed(seed)
  return { kid, createdAtMs, privateKey, publicKey: createPublicKey(privateKey) }
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
