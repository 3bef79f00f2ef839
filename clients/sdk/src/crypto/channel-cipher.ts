import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import {
  CHANNEL_KEY_BYTES, concatBytes, decodeChannelBody, encodeChannelBody, EvegramError, idBytes, utf8,
  type ChannelBody, type ConversationId, type DeviceId, type Random,
} from '@evegram/protocol'

/** Bytes of the random nonce in front of every ciphertext: long enough to be drawn at random for every post of a channel. */
const NONCE_BYTES = 24

/** Where a body belongs: a ciphertext that is moved to another channel or put under another author does not open. */
export interface ChannelBodyPlace {
  readonly channel: ConversationId
  /** Device of the author. */
  readonly device: DeviceId
}

/**
 * The key (32 bytes) of the posts of a channel: HKDF-SHA256 of the key in its link, without salt, info "evegram/channel-post/v1".
 * Throws `invalid.argument` on another length.
 */
export function channelPostKey(key: Uint8Array): Uint8Array {
  if (key.length !== CHANNEL_KEY_BYTES) throw new EvegramError('invalid.argument', { operation: 'derive post key' })
  return hkdf(sha256, key, undefined, utf8('evegram/channel-post/v1'), 32)
}

const associatedData = ({ channel, device }: ChannelBodyPlace): Uint8Array => concatBytes(idBytes(channel), idBytes(device))

/** Body of a post: nonce24 || XChaCha20-Poly1305 of the padded body. `key` is the one of the link. Throws as `encodeChannelBody`. */
export function sealChannelBody(key: Uint8Array, place: ChannelBodyPlace, body: Exclude<ChannelBody, { readonly kind: 'unknown' }>, random: Random): Uint8Array {
  const nonce = random.bytes(NONCE_BYTES)
  return concatBytes(nonce, xchacha20poly1305(channelPostKey(key), nonce, associatedData(place)).encrypt(encodeChannelBody(body)))
}

/** What the body of a post says; undefined when it was not made with this key for this place, or does not parse. Never throws on bytes. */
export function openChannelBody(key: Uint8Array, place: ChannelBodyPlace, sealed: Uint8Array): ChannelBody | undefined {
  if (sealed.length <= NONCE_BYTES) return undefined
  const cipher = xchacha20poly1305(channelPostKey(key), sealed.subarray(0, NONCE_BYTES), associatedData(place))
  try {
    return decodeChannelBody(cipher.decrypt(sealed.subarray(NONCE_BYTES)))
  } catch {
    // A wrong tag throws an Error of the library, a body of another shape one of ours: to a reader both are the same.
    return undefined
  }
}
