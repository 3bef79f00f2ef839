import { concatBytes, utf8 } from '@evegram/protocol'
import type { SignalPrimitives } from './primitives.js'

/** A place in a sender's chain: the key of message `iteration` is made of it, then the chain goes on. */
export interface ChainPlace {
  readonly iteration: number
  /** 32 bytes. */
  readonly chainKey: Uint8Array
}

const SEED_LABEL = Uint8Array.of(1)
const CHAIN_LABEL = Uint8Array.of(2)
const KEY_INFO = utf8('WhisperGroup')
const NO_SALT = new Uint8Array(32)

/** The seed of the message at a place, 32 bytes: HMAC(chain key, 0x01). */
export async function seedAt(primitives: SignalPrimitives, place: ChainPlace): Promise<Uint8Array> {
  return primitives.hmacSha256(place.chainKey, SEED_LABEL)
}

/** The place behind: HMAC(chain key, 0x02). Whoever holds it cannot come back. */
export async function nextPlace(primitives: SignalPrimitives, place: ChainPlace): Promise<ChainPlace> {
  return { iteration: place.iteration + 1, chainKey: await primitives.hmacSha256(place.chainKey, CHAIN_LABEL) }
}

/** Iv and AES key of a message: HKDF-SHA-256 (RFC 5869) of its seed, salt of zeros, info "WhisperGroup", 48 bytes. */
export async function messageKeyOf(primitives: SignalPrimitives, seed: Uint8Array): Promise<{ readonly iv: Uint8Array; readonly key: Uint8Array }> {
  const extracted = await primitives.hmacSha256(NO_SALT, seed)
  const first = await primitives.hmacSha256(extracted, concatBytes(KEY_INFO, Uint8Array.of(1)))
  const second = await primitives.hmacSha256(extracted, concatBytes(first, KEY_INFO, Uint8Array.of(2)))
  return { iv: first.subarray(0, 16), key: concatBytes(first.subarray(16), second.subarray(0, 16)) }
}
