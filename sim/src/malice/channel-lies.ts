import { CHANNEL_PAGE_POSTS_MAX, encodeChannelHead, FRAME_TYPE, hexOf, type ChannelHead, type ConversationId } from '@evegram/protocol'
import type { SimRandom } from '../kernel/random.js'
import { postIn, SeenPosts, showingChannels } from './channel-view.js'
import { frameOf, type ActiveLie, type LieTools } from './lie.js'

/** Pushed posts that a reordering holds back at most. */
const HELD_MAX = 4

const seqOf = (bytes: Uint8Array): number => postIn(bytes)?.seq ?? 0

/** Shows all but one or two posts, live and in reads: with a hole where they are, or nothing behind them. */
export function withholdPost(tools: LieTools): ActiveLie {
  const { random } = tools
  const seen = new SeenPosts()
  const hidden = new Set<string>()
  const isCut = random.chance(0.5)
  let before = random.between(0, 3)
  let left = random.between(1, 2)
  const isHidden = (bytes: Uint8Array): boolean => {
    const post = postIn(bytes)
    if (post === undefined) return false
    const key = `${post.channel}/${post.seq}`
    if (seen.add(bytes) && left > 0 && before-- <= 0) {
      hidden.add(key)
      left--
    }
    return hidden.has(key)
  }
  return showingChannels(tools, isCut ? 'nothing from a post on' : 'all but a post', {
    post: (bytes) => (isHidden(bytes) ? [] : [bytes]),
    page(page) {
      const first = page.posts.map(isHidden).indexOf(true)
      if (first < 0) return page
      return { ...page, posts: isCut ? page.posts.slice(0, first) : page.posts.filter((bytes) => !isHidden(bytes)) }
    },
  })
}

/** Shows no post at all, and says where the channel ends: at once when something is posted, or in its time. */
export function withholdPosts(tools: LieTools): ActiveLie {
  const isNamed = tools.random.chance(0.7)
  const seen = new SeenPosts()
  const lie = showingChannels(tools, 'no posts', {
    post: () => [],
    page: (page) => (page.posts.length === 0 ? page : { ...page, posts: [] }),
  })
  if (!isNamed) return lie
  return {
    ...lie,
    fromServer(frame, victim) {
      const told = lie.fromServer(frame, victim)
      if (told.length > 0) return told
      const post = postIn(frame.body)
      if (post === undefined) return told
      seen.add(frame.body)
      const head = seen.headAt(post.channel, post.seq)
      return head === undefined ? told : [frameOf(FRAME_TYPE.channelHead, encodeChannelHead(head))]
    },
  }
}

/** Names an older end of the channel: that of a moment, from then on, with nothing behind it; or one below what was shown. */
export function lowHead(tools: LieTools): ActiveLie {
  const { random } = tools
  const seen = new SeenPosts()
  const ends = new Map<ConversationId, ChannelHead>()
  const isFrozen = random.chance(0.5)
  const end = (head: ChannelHead): ChannelHead => {
    if (isFrozen) {
      const known = ends.get(head.channel) ?? head
      ends.set(head.channel, known)
      return known
    }
    return seen.headAt(head.channel, Math.max(0, head.seq - random.between(1, 3))) ?? head
  }
  const below = (head: ChannelHead): ChannelHead => {
    const { channel, seq, head: hash } = end(head)
    return seq < head.seq ? { channel, seq, head: hash } : head
  }
  return showingChannels(tools, isFrozen ? 'the end of a moment ago' : 'an older end', {
    post(bytes, seq, channel) {
      seen.add(bytes)
      return isFrozen && seq > (ends.get(channel)?.seq ?? Infinity) ? [] : [bytes]
    },
    page(page) {
      for (const bytes of page.posts) seen.add(bytes)
      const told = below(page)
      return told === page ? page : { ...told, posts: page.posts.filter((bytes) => seqOf(bytes) <= told.seq) }
    },
    head: below,
  })
}

/** Names posts that nobody wrote. */
export function highHead(tools: LieTools): ActiveLie {
  const { random } = tools
  const above = random.pick([1, 1, 2, 1_000])
  const hash = random.bytes(32)
  return showingChannels(tools, `${above} posts that nobody wrote`, {
    page: (page) => ({ ...page, seq: page.seq + above, head: hash, posts: random.chance(0.3) ? [] : page.posts }),
    head: (head) => ({ ...head, seq: head.seq + above, head: hash }),
  })
}

/** Names another hash for the newest post. */
export function wrongHead(tools: LieTools): ActiveLie {
  const { random } = tools
  const hash = random.bytes(32)
  const wrong = <Told extends ChannelHead>(told: Told): Told => (told.seq === 0 || random.chance(0.3) ? told : { ...told, head: hash })
  return showingChannels(tools, 'another hash', { page: wrong, head: wrong })
}

/** Pushes posts late and in another order, turns pages around. */
export function reorderPosts(tools: LieTools): ActiveLie {
  const { random } = tools
  const held: Uint8Array[] = []
  return showingChannels(tools, 'another order', {
    post(bytes) {
      if (held.length < HELD_MAX && random.chance(0.6)) {
        held.push(bytes.slice())
        return []
      }
      return held.length === 0 ? [bytes] : [bytes, ...held.splice(0).reverse()]
    },
    page: (page) => (page.posts.length < 2 ? page : { ...page, posts: shuffled(page.posts, random) }),
  })
}

function shuffled(posts: readonly Uint8Array[], random: SimRandom): Uint8Array[] {
  const left = [...posts]
  const order: Uint8Array[] = []
  while (left.length > 0) order.push(...left.splice(random.between(0, left.length - 1), 1))
  return order
}

/** Pushes and shows posts again that were shown before, under later numbers too. */
export function replayPosts(tools: LieTools): ActiveLie {
  const { random } = tools
  const seen = new SeenPosts()
  const again = (channel: ConversationId, posts: readonly Uint8Array[]): readonly Uint8Array[] => {
    const all = seen.all(channel)
    if (all.length === 0 || !random.chance(0.6)) return posts
    const old = random.pick(all)
    const at = random.between(0, posts.length)
    return [...posts.slice(0, at), old, ...posts.slice(at)]
  }
  return showingChannels(tools, 'a post again', {
    post(bytes, _seq, channel) {
      seen.add(bytes)
      return again(channel, [bytes])
    },
    page(page) {
      for (const bytes of page.posts) seen.add(bytes)
      const posts = again(page.channel, page.posts)
      return posts === page.posts ? page : { ...page, posts: posts.slice(0, CHANNEL_PAGE_POSTS_MAX) }
    },
  })
}

/** Answers with another channel: one that is not there, with the posts of this one. */
export function otherChannel(tools: LieTools): ActiveLie {
  const { random } = tools
  // 16 bytes in hex: a conversation id by definition.
  const other = hexOf(random.bytes(16)) as ConversationId
  return showingChannels(tools, 'another channel', {
    page: (page) => (random.chance(0.5) ? { ...page, channel: other } : page),
    head: (head) => (random.chance(0.5) ? { ...head, channel: other } : head),
  })
}
