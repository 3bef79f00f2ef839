import {
  channelHeadOf, decodeChannelHead, decodeChannelPage, decodeChannelPost, decodeReadChannel, encodeChannelHead, encodeChannelPage, FRAME_TYPE, isEvegramError,
  type ChannelHead, type ChannelPage, type ChannelPost, type ConversationId, type Frame,
} from '@evegram/protocol'
import { frameOf, type ActiveLie, type LieTools, type Victim } from './lie.js'

/** Posts of one channel that a lie keeps; a run has fewer. */
const KEPT_MAX = 512

/** What takes the place of what the server says about channels. A part that is absent is honest; the same object back changes nothing. */
export interface ChannelView {
  /** Of a pushed post. `seq`: its number. */
  readonly post?: (bytes: Uint8Array, seq: number, channel: ConversationId, victim: Victim) => readonly Uint8Array[]
  /** Of the answer to `follow` and `read_channel`, which asked for what is behind number `after`. */
  readonly page?: (page: ChannelPage, victim: Victim, after: number) => ChannelPage
  /** Of a head that the server tells on its own; undefined: it is not told. */
  readonly head?: (head: ChannelHead, victim: Victim) => ChannelHead | undefined
}

/** The lie that shows channels by `view`. Counted, and noted as `what`, for every frame that it changes. */
export function showingChannels(tools: LieTools, what: string, view: ChannelView): Required<Pick<ActiveLie, 'fromServer' | 'fromClient'>> {
  /** By victim, connection and correlation of a request that is under way: the number that it named. */
  const asked = new Map<string, number>()
  const keyOf = ({ name, connection }: Victim, { correlation }: Frame): string => `${name}/${connection}/${correlation}`
  const told = (channel: ConversationId): void => { tools.changed(`${what} (channel ${channel.slice(0, 8)})`) }
  return {
    fromServer(frame, victim) {
      switch (frame.type) {
        case FRAME_TYPE.posted: {
          const post = postIn(frame.body)
          if (post === undefined) return [frame]
          const { channel, seq } = post
          const posts = view.post?.(frame.body, seq, channel, victim)
          if (posts === undefined || (posts.length === 1 && posts[0] === frame.body)) return [frame]
          told(channel)
          return posts.map(postedFrame)
        }
        case FRAME_TYPE.channelPage: {
          const page = decodeChannelPage(frame.body)
          const key = keyOf(victim, frame)
          const changed = view.page?.(page, victim, asked.get(key) ?? 0) ?? page
          asked.delete(key)
          if (changed === page) return [frame]
          told(page.channel)
          return [{ ...frame, body: encodeChannelPage(changed) }]
        }
        case FRAME_TYPE.channelHead: {
          // An answer to a post or to `unfollow`.
          if (frame.correlation !== 0 || view.head === undefined) return [frame]
          const head = decodeChannelHead(frame.body)
          const changed = view.head(head, victim)
          if (changed === head) return [frame]
          told(head.channel)
          return changed === undefined ? [] : [{ ...frame, body: encodeChannelHead(changed) }]
        }
        default:
          return [frame]
      }
    },
    fromClient(frame, victim) {
      if (frame.type === FRAME_TYPE.follow || frame.type === FRAME_TYPE.readChannel) asked.set(keyOf(victim, frame), decodeReadChannel(frame.body).after)
      return [frame]
    },
  }
}

/** A pushed post. */
export function postedFrame(post: Uint8Array): Frame {
  return frameOf(FRAME_TYPE.posted, post)
}

/** A post, or undefined for bytes that are none: a lie before this one may have changed them. */
export function postIn(bytes: Uint8Array): ChannelPost | undefined {
  try {
    return decodeChannelPost(bytes)
  } catch (error) {
    if (isEvegramError(error)) return undefined
    throw error
  }
}

/** The posts of channels that passed on the way to the victims, as they truly are. */
export class SeenPosts {
  readonly #channels = new Map<ConversationId, Map<number, Uint8Array>>()

  /** Takes a post; true when it is the first time. */
  add(bytes: Uint8Array): boolean {
    const post = postIn(bytes)
    if (post === undefined) return false
    const posts = this.#channels.get(post.channel) ?? new Map<number, Uint8Array>()
    this.#channels.set(post.channel, posts)
    if (posts.has(post.seq) || posts.size >= KEPT_MAX) return false
    posts.set(post.seq, bytes.slice())
    return true
  }

  /** Post `seq`, where it was seen. */
  get(channel: ConversationId, seq: number): Uint8Array | undefined {
    return this.#channels.get(channel)?.get(seq)
  }

  /** All that were seen of a channel, in the order in which they came. */
  all(channel: ConversationId): readonly Uint8Array[] {
    return [...this.#channels.get(channel)?.values() ?? []]
  }

  /** The true head behind post `seq`, where that is known; the empty channel ends at 0. */
  headAt(channel: ConversationId, seq: number): ChannelHead | undefined {
    if (seq === 0) return { channel, seq, head: new Uint8Array(32) }
    const bytes = this.get(channel, seq)
    return bytes === undefined ? undefined : { channel, seq, head: channelHeadOf(bytes) }
  }
}
