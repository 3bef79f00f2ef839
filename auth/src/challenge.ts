import { createHash } from 'node:crypto'
import { concatBytes, idBytes, LIMITS, type Clock, type DeviceId, type Random } from '@evegram/protocol'
import type { Purpose } from '@evegram/protocol/proof'
import { base62Of, bytesOfBase62 } from './base62.js'
import { equalSecrets, keyedHash } from './keyed-hash.js'
import type { NonceUse } from './ports/nonce-store.js'

/** What a nonce may be asked for: the purposes of wallet proofs, and opening a session. */
export type ChallengePurpose = Purpose | 'session'

/** Answer of a challenge: all that a client takes from the server into what it signs. */
export interface IssuedChallenge {
  /** 46 alphanumerics. */
  readonly nonce: string
  readonly issuedAtMs: number
  readonly expirationTimeMs: number
}

/** Whether a nonce is ours, for this use and not run out; whether it was used is the store's question. */
export type ChallengeCheck =
  | { readonly status: 'valid'; readonly use: NonceUse }
  | { readonly status: 'refused'; readonly code: 'proof.nonce' | 'proof.expired' }

/** Layout of a nonce: when it runs out (ms, 6 bytes big-endian), 12 random bytes, 16 bytes of HMAC. */
const TIME_BYTES = 6
const BODY_BYTES = TIME_BYTES + 12
const MAC_BYTES = 16

/** Nonces that prove themselves: an HMAC binds each to its purpose, device and end, so asking for them stores nothing. */
export class Challenges {
  readonly #secret: Uint8Array
  readonly #clock: Clock
  readonly #random: Random

  /** `secret`: 32 bytes, the same on all nodes and over restarts. */
  constructor(options: { readonly secret: Uint8Array; readonly clock: Clock; readonly random: Random }) {
    this.#secret = options.secret
    this.#clock = options.clock
    this.#random = options.random
  }

  /** A fresh nonce for one purpose and device, good for `LIMITS.challengeMs`. */
  issue(purpose: ChallengePurpose, device: DeviceId): IssuedChallenge {
    const issuedAtMs = this.#clock.now()
    const expirationTimeMs = issuedAtMs + LIMITS.challengeMs
    const body = concatBytes(bytesOfTime(expirationTimeMs), this.#random.bytes(BODY_BYTES - TIME_BYTES))
    return { nonce: base62Of(concatBytes(body, this.#mac(body, purpose, device))), issuedAtMs, expirationTimeMs }
  }

  /** Checks a nonce: cheap, without any store. */
  check(nonce: string, purpose: ChallengePurpose, device: DeviceId): ChallengeCheck {
    const bytes = bytesOfBase62(nonce, BODY_BYTES + MAC_BYTES)
    if (bytes === undefined) return { status: 'refused', code: 'proof.nonce' }
    const body = bytes.subarray(0, BODY_BYTES)
    if (!equalSecrets(bytes.subarray(BODY_BYTES), this.#mac(body, purpose, device))) return { status: 'refused', code: 'proof.nonce' }
    const expiresAtMs = timeOfBytes(body)
    if (expiresAtMs <= this.#clock.now()) return { status: 'refused', code: 'proof.expired' }
    return { status: 'valid', use: { key: nonceKey(nonce), expiresAtMs } }
  }

  #mac(body: Uint8Array, purpose: ChallengePurpose, device: DeviceId): Uint8Array {
    return keyedHash(this.#secret, MAC_BYTES, 'evegram/challenge/v1', purpose, idBytes(device), body)
  }
}

/** Under which key a store remembers a nonce: SHA-256 of its text, 32 bytes. */
export function nonceKey(nonce: string): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(nonce, 'latin1').digest())
}

function bytesOfTime(ms: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(ms))
  return bytes.slice(8 - TIME_BYTES)
}

function timeOfBytes(body: Uint8Array): number {
  let ms = 0
  for (const byte of body.subarray(0, TIME_BYTES)) ms = ms * 256 + byte
  return ms
}
