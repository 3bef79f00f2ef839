import { sha256 } from '@noble/hashes/sha2.js'
import type { LogHead } from './account-log-extends.js'
import { concatBytes, hexOf, utf8 } from './bytes.js'
import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { EvegramError } from './errors.js'
import { ID_BYTES, idBytes, parseConversationId, type ConversationId } from './ids.js'
import { LIMITS } from './limits.js'
import { actorMap, readActor, type LogActor } from './log-actor.js'

/** A post without its signature. */
export interface ChannelPostDraft {
  readonly v: 1
  readonly channel: ConversationId
  /** The first post has 1; every post of the channel, whoever wrote it, has the next number. */
  readonly seq: number
  /** Head of the posts before this one, 32 bytes; zeros for the first. */
  readonly prev: Uint8Array
  readonly author: LogActor
  /** The state of the membership log that shows the author as a member: the newest that it knew. */
  readonly members: LogHead
  /** When the post was made, in ms since 1970, as its author says. */
  readonly atMs: number
  /** What followers read, encrypted with the key of the channel. */
  readonly body: Uint8Array
}

/** One post of a channel. */
export interface ChannelPost extends ChannelPostDraft {
  /** Ed25519 signature (64 bytes) of {@link channelPostHash} by the signing key of the author's device. */
  readonly signature: Uint8Array
}

const INVALID = 'invalid.channel_post' as const
const HASH_DOMAIN = utf8('evegram/channel-post/v1\0')
const HEAD_DOMAIN = utf8('evegram/channel-head/v1\0')

function draftMap(draft: ChannelPostDraft): { readonly [key: string]: CborValue } {
  const { v, channel, seq, prev, author, members, atMs, body } = draft
  return { v, channel: idBytes(channel), seq, prev, author: actorMap(author), members: { seq: members.seq, head: members.head }, atMs, body }
}

/** What the author's device signs: SHA-256("evegram/channel-post/v1" 0x00, deterministic CBOR of the post without `signature`), 32 bytes. */
export function channelPostHash(draft: ChannelPostDraft): Uint8Array {
  return sha256(concatBytes(HASH_DOMAIN, encodeCbor(draftMap(draft))))
}

/** First byte of the CBOR of a post without `signature`: a map of eight fields (RFC 8949 section 3.1). */
const DRAFT_FIRST_BYTE = 0xa8
/** Bytes of `signature` in an encoded post: its key with a head of one byte, and 64 bytes with a head of two. */
const SIGNATURE_FIELD_BYTES = 1 + 'signature'.length + 2 + 64

/**
 * {@link channelPostHash} of a post from its bytes, which {@link decodeChannelPost} took: `signature` is the last of its fields in the order of keys, so what
 * was signed is what lies before it, with the head of a map of one field less. `hash`: SHA-256, where the caller has a faster one.
 */
export function channelPostHashOf(encodedPost: Uint8Array, hash: (input: Uint8Array) => Uint8Array = sha256): Uint8Array {
  const signed = concatBytes(HASH_DOMAIN, encodedPost.subarray(0, encodedPost.length - SIGNATURE_FIELD_BYTES))
  signed[HASH_DOMAIN.length] = DRAFT_FIRST_BYTE
  return hash(signed)
}

/** Head of a channel behind a post: SHA-256("evegram/channel-head/v1" 0x00, the encoded post), 32 bytes. `hash`: SHA-256, where the caller has a faster one. */
export function channelHeadOf(encodedPost: Uint8Array, hash: (input: Uint8Array) => Uint8Array = sha256): Uint8Array {
  return hash(concatBytes(HEAD_DOMAIN, encodedPost))
}

/** Deterministic CBOR of a post. Throws `too_large.channel_post`, and `invalid.*` for what {@link decodeChannelPost} would refuse. */
export function encodeChannelPost(post: ChannelPost): Uint8Array<ArrayBuffer> {
  const bytes = encodeCbor({ ...draftMap(post), signature: post.signature })
  decodeChannelPost(bytes)
  return bytes
}

/**
 * Parses one post of at most `LIMITS.channelPostBytesMax` bytes; checks its shape and nothing that depends on the channel.
 * Throws `too_large.channel_post`, `invalid.cbor`, `invalid.channel_post`.
 */
export function decodeChannelPost(bytes: Uint8Array): ChannelPost {
  if (bytes.length > LIMITS.channelPostBytesMax) throw new EvegramError('too_large.channel_post', { operation: 'decode post' })
  const fields = new CborFields(decodeCbor(bytes, LIMITS.channelPostBytesMax), INVALID)
  if (fields.uint('v') !== 1) fields.fail('version 1')
  const post: ChannelPost = {
    v: 1,
    channel: parseConversationId(hexOf(fields.bytes('channel', ID_BYTES))),
    seq: fields.uint('seq'),
    prev: fields.bytes('prev', 32),
    author: readActor(fields.value('author'), INVALID),
    members: readHead(fields.value('members')),
    atMs: fields.uint('atMs', 2 ** 48 - 1),
    body: fields.bytes('body', { lengthMax: LIMITS.channelPostBytesMax }),
    signature: fields.bytes('signature', 64),
  }
  fields.end()
  if (post.seq === 0) fields.fail('a number from 1')
  if (post.members.seq === 0) fields.fail('members: from the first entry on')
  return post
}

function readHead(value: CborValue): LogHead {
  const fields = new CborFields(value, INVALID)
  const head = { seq: fields.uint('seq', 0xffffffff), head: fields.bytes('head', 32) }
  fields.end()
  return head
}
