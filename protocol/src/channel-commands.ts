import { CborFields, decodeCbor, encodeCbor } from './cbor.js'
import { hexOf } from './bytes.js'
import { ID_BYTES, idBytes, parseConversationId, type ConversationId } from './ids.js'
import { LIMITS } from './limits.js'

/** `follow` and `read_channel`: posts behind number `after`. */
export interface ReadChannel {
  readonly channel: ConversationId
  /** 0 for all that there are. */
  readonly after: number
}

/** `unfollow`. */
export interface Unfollow {
  readonly channel: ConversationId
}

/** `channel_head`: where a channel ends; pushed to its followers, and the answer to `post` and `unfollow`. */
export interface ChannelHead {
  readonly channel: ConversationId
  /** Number of the newest post, 0 without posts. */
  readonly seq: number
  /** Head behind it, 32 bytes; zeros without posts. */
  readonly head: Uint8Array
}

/**
 * `channel_page`: answer to `follow` and `read_channel`. The posts follow each other; more come behind the last when they do not reach `seq`. The first
 * may have a higher number than the one that was asked for: what lies before it is older than the retention. No posts although `seq` is higher: all are.
 */
export interface ChannelPage extends ChannelHead {
  readonly posts: readonly Uint8Array[]
}

/** Posts of one page. */
export const CHANNEL_PAGE_POSTS_MAX = 64

const INVALID = 'invalid.request' as const

function fieldsOf(body: Uint8Array): CborFields {
  return new CborFields(decodeCbor(body, LIMITS.frameBytesMax), INVALID)
}
function channelOf(fields: CborFields): ConversationId {
  return parseConversationId(hexOf(fields.bytes('channel', ID_BYTES)))
}

/** Body of `follow` and `read_channel`. */
export function encodeReadChannel(value: ReadChannel): Uint8Array<ArrayBuffer> {
  return encodeCbor({ channel: idBytes(value.channel), after: value.after })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeReadChannel(body: Uint8Array): ReadChannel {
  const fields = fieldsOf(body)
  return { channel: channelOf(fields), after: fields.uint('after') }
}

/** Body of `unfollow`. */
export function encodeUnfollow(value: Unfollow): Uint8Array<ArrayBuffer> {
  return encodeCbor({ channel: idBytes(value.channel) })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeUnfollow(body: Uint8Array): Unfollow {
  return { channel: channelOf(fieldsOf(body)) }
}

/** Body of `channel_head`. */
export function encodeChannelHead(value: ChannelHead): Uint8Array<ArrayBuffer> {
  return encodeCbor({ channel: idBytes(value.channel), seq: value.seq, head: value.head })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeChannelHead(body: Uint8Array): ChannelHead {
  return headOf(fieldsOf(body))
}

function headOf(fields: CborFields): ChannelHead {
  return { channel: channelOf(fields), seq: fields.uint('seq'), head: fields.bytes('head', 32) }
}

/** Body of `channel_page`. */
export function encodeChannelPage(value: ChannelPage): Uint8Array<ArrayBuffer> {
  return encodeCbor({ channel: idBytes(value.channel), seq: value.seq, head: value.head, posts: [...value.posts] })
}
/** Throws `invalid.cbor`, `invalid.request`. What the posts say is for `applyChannelPost` to judge. */
export function decodeChannelPage(body: Uint8Array): ChannelPage {
  const fields = fieldsOf(body)
  const posts = fields.list('posts', CHANNEL_PAGE_POSTS_MAX).map((post) => (post instanceof Uint8Array ? post : fields.fail('posts: bytes')))
  return { ...headOf(fields), posts }
}
