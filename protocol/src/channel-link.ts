import { sha256 } from '@noble/hashes/sha2.js'
import { bytesOfHex, concatBytes, hexOf, utf8 } from './bytes.js'
import { EvegramError } from './errors.js'
import { ID_BYTES, parseConversationId, type ConversationId } from './ids.js'

/** Bytes of the key of a channel. */
export const CHANNEL_KEY_BYTES = 32

/** What somebody needs to read a channel: where it is, and its key, which the server never sees. */
export interface ChannelLink {
  /** Domain of the server, as its discovery document names it. */
  readonly domain: string
  readonly channel: ConversationId
  /** 32 random bytes, made by the founder. */
  readonly key: Uint8Array
}

const LINK_PATTERN = /^evegram:([a-z0-9.:[\]-]{1,253})\/channel\/([0-9a-f]{32})#([0-9a-f]{64})$/
const LINK_LENGTH_MAX = 400

/** `evegram:<domain>/channel/<id>#<key in hex>`: the key stands behind a `#` because browsers keep that part to themselves. */
export function formatChannelLink({ domain, channel, key }: ChannelLink): string {
  const link = `evegram:${domain}/channel/${channel}#${hexOf(key)}`
  parseChannelLink(link)
  return link
}

/** Reads a link. Throws `invalid.channel_link`. */
export function parseChannelLink(text: string): ChannelLink {
  const [, domain, channel, key] = text.length <= LINK_LENGTH_MAX ? LINK_PATTERN.exec(text.trim()) ?? [] : []
  if (domain === undefined || channel === undefined || key === undefined) throw new EvegramError('invalid.channel_link', { operation: 'read link' })
  return { domain, channel: parseConversationId(channel), key: bytesOfHex(key) }
}

/**
 * The salt that a channel with this key is founded with: first 16 bytes of SHA-256("evegram/channel-salt/v1" 0x00 key32). So the id commits to the key:
 * whoever has a link finds out whether its key belongs to the channel. Throws `invalid.argument` on another length.
 */
export function channelSaltOf(key: Uint8Array): Uint8Array {
  if (key.length !== CHANNEL_KEY_BYTES) throw new EvegramError('invalid.argument', { operation: 'derive channel salt' })
  return sha256(concatBytes(utf8('evegram/channel-salt/v1\0'), key)).slice(0, ID_BYTES)
}
