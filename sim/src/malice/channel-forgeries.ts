import {
  CHANNEL_PAGE_POSTS_MAX, channelHeadOf, channelPostHash, encodeChannelHead, encodeChannelPost, FRAME_TYPE, hexOf,
  type ChannelHead, type ChannelPost, type ChannelPostDraft, type ConversationId, type LogActor, type LogHead,
} from '@evegram/protocol'
import { signWithSigning, type DeviceKeys } from '@evegram/sdk/parts'
import type { ShownLog } from './shown-log.js'
import { forgeMembers, showingLogs } from './group-lies.js'
import { askedByPosts, channelsOnly } from './channel-answers.js'
import { postedFrame, postIn, SeenPosts, showingChannels } from './channel-view.js'
import { frameOf, type ActiveLie, type LieTools } from './lie.js'

/** Changes posts on the way: a bit, a field, or the end. Which ones and how is drawn once for each post, so that reads show what was pushed. */
export function changedPosts(tools: LieTools): ActiveLie {
  const { random } = tools
  const changed = new Map<string, readonly Uint8Array[]>()
  const told = (bytes: Uint8Array): readonly Uint8Array[] => {
    const post = postIn(bytes)
    if (post === undefined) return [bytes]
    const key = `${post.channel}/${post.seq}`
    const known = changed.get(key)
    if (known !== undefined) return known.length === 0 ? [bytes] : known
    const other = random.chance(0.5) ? changedPost(bytes, post, tools) : undefined
    const posts = other === undefined ? [] : random.pick([[other], [other], [other, bytes.slice()], [bytes.slice(), other]])
    changed.set(key, posts)
    return posts.length === 0 ? [bytes] : posts
  }
  return showingChannels(tools, 'changed posts', {
    post: told,
    page(page) {
      const posts = page.posts.flatMap(told)
      const isSame = posts.length === page.posts.length && posts.every((bytes, index) => bytes === page.posts[index])
      return isSame ? page : { ...page, posts: posts.slice(0, CHANNEL_PAGE_POSTS_MAX) }
    },
  })
}

function changedPost(bytes: Uint8Array, post: ChannelPost, tools: LieTools): Uint8Array {
  const { random } = tools
  const { author, members } = post
  const what = random.pick(['bit', 'bit', 'end', 'channel', 'number', 'before', 'account', 'device', 'log', 'members', 'time', 'body'] as const)
  switch (what) {
    case 'bit': {
      const flipped = bytes.slice()
      const at = random.between(0, bytes.length - 1)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random.between(0, 7))
      return flipped
    }
    case 'end': return bytes.slice(0, random.between(1, bytes.length - 1))
    // 16 bytes in hex: ids by definition.
    case 'channel': return encodeChannelPost({ ...post, channel: hexOf(random.bytes(16)) as ConversationId })
    case 'number': return encodeChannelPost({ ...post, seq: post.seq + 1 })
    case 'before': return encodeChannelPost({ ...post, prev: random.bytes(32) })
    case 'account': return encodeChannelPost({ ...post, author: { ...author, account: hexOf(random.bytes(16)) as LogActor['account'] } })
    case 'device': return encodeChannelPost({ ...post, author: { ...author, device: hexOf(random.bytes(16)) as LogActor['device'] } })
    case 'log': return encodeChannelPost({ ...post, author: { ...author, log: { seq: author.log.seq + 1, head: random.bytes(32) } } })
    case 'members': return encodeChannelPost({ ...post, members: { seq: members.seq + 1, head: random.bytes(32) } })
    case 'time': return encodeChannelPost({ ...post, atMs: tools.nowMs() - random.between(1, 60_000) })
    case 'body': return encodeChannelPost({ ...post, body: random.bytes(Math.max(1, post.body.length)) })
    default: return what satisfies never
  }
}

/** What the liar signs with. */
interface Signing {
  readonly log: ShownLog
  /** The first is active in `log`, the second in no log. */
  readonly devices: readonly [DeviceKeys, DeviceKeys]
}

/** Whose the posts of {@link forgedPost} are. */
const FORGERIES = ['in the name of an author', 'copied signature', 'device of nobody', 'own name', 'own name'] as const

/**
 * One more post behind the newest true one: signed by the liar in the name of its author, with a copied signature, by a device that its author never
 * made, or truly by the liar, who is no author. Drawn anew for each post.
 */
export function forgedPost(tools: LieTools): ActiveLie {
  let own: Signing | undefined
  // Made while nobody asks yet; a lie that is not ready is not told.
  Promise.all([tools.keys.account(), tools.keys.devices()]).then(([log, devices]) => { own = { log, devices } }, () => undefined)
  const forge = (bytes: Uint8Array, post: ChannelPost): Uint8Array | undefined => {
    if (own === undefined) return undefined
    const { log, devices: [active, unknown] } = own
    const forgery = tools.random.pick(FORGERIES)
    switch (forgery) {
      case 'in the name of an author': return behind(bytes, post, {}, active, tools.nowMs())
      case 'copied signature': return encodeChannelPost({ ...draftBehind(bytes, post, {}, tools.nowMs()), signature: post.signature })
      case 'device of nobody': return behind(bytes, post, { author: { ...post.author, device: unknown.device } }, unknown, tools.nowMs())
      case 'own name': return behind(bytes, post, { author: actorOf(log, active) }, active, tools.nowMs())
      default: return forgery satisfies never
    }
  }
  return {
    ...addingPosts(tools, 'a forged post', forge),
    // The account of the liar is a true one, and is shown.
    log: (_device, account) => Promise.resolve(own?.log.account === account ? own.log : undefined),
  }
}

/** A membership log with one more entry, which adds the liar, and a post of the liar that names it. */
export function forgedAuthor(tools: LieTools): ActiveLie {
  const { variant, page, log, own, headOf } = forgeMembers(tools)
  const forge = (bytes: Uint8Array, post: ChannelPost): Uint8Array | undefined => {
    const [liar, members] = [own(), headOf(post.channel)]
    return liar === undefined || members === undefined ? undefined : behind(bytes, post, { author: actorOf(liar.log, liar.keys), members }, liar.keys, tools.nowMs())
  }
  const what = `forged author (${variant})`
  const channels = channelsOnly()
  const [logs, posts] = [showingLogs(tools, what, askedByPosts, (one) => (channels.has(one) ? page(one) : undefined)), addingPosts(tools, what, forge)]
  return {
    log,
    fromServer: (frame, victim) => logs.fromServer(frame, victim).flatMap((one) => posts.fromServer(one, victim)),
    fromClient(frame, victim) {
      channels.look(frame)
      return logs.fromClient(frame, victim).flatMap((one) => posts.fromClient(one, victim))
    },
  }
}

const actorOf = ({ account, seq, head }: ShownLog, { device }: DeviceKeys): LogActor => ({ account, device, log: { seq, head } })

/** A draft that follows a post, with the body of that post: whoever has the key can read it as long as the device is the same. */
function draftBehind(bytes: Uint8Array, post: ChannelPost, change: { readonly author?: LogActor; readonly members?: LogHead }, atMs: number): ChannelPostDraft {
  const { channel, seq, author, members, body } = post
  return { v: 1, channel, seq: seq + 1, prev: channelHeadOf(bytes), author, members, atMs, body, ...change }
}

function behind(
  bytes: Uint8Array, post: ChannelPost, change: { readonly author?: LogActor; readonly members?: LogHead }, keys: DeviceKeys, atMs: number,
): Uint8Array {
  const draft = draftBehind(bytes, post, change, atMs)
  return encodeChannelPost({ ...draft, signature: signWithSigning(keys, channelPostHash(draft)) })
}

/** Shows what `forge` makes behind the newest true post, as if it were the newest. */
function addingPosts(tools: LieTools, what: string, forge: (bytes: Uint8Array, post: ChannelPost) => Uint8Array | undefined): ReturnType<typeof showingChannels> {
  const seen = new SeenPosts()
  const made = new Map<string, Uint8Array>()
  const behindOf = (bytes: Uint8Array): Uint8Array | undefined => {
    const post = postIn(bytes)
    if (post === undefined) return undefined
    const key = `${post.channel}/${post.seq}`
    const forged = made.get(key) ?? forge(bytes, post)
    if (forged !== undefined) made.set(key, forged)
    return forged
  }
  return showingChannels(tools, what, {
    post(bytes) {
      seen.add(bytes)
      const forged = tools.random.chance(0.5) ? behindOf(bytes) : undefined
      return forged === undefined ? [bytes] : [bytes, forged]
    },
    page(page) {
      for (const bytes of page.posts) seen.add(bytes)
      const newest = seen.get(page.channel, page.seq)
      const forged = newest === undefined || page.posts.length >= CHANNEL_PAGE_POSTS_MAX ? undefined : behindOf(newest)
      return forged === undefined ? page : { ...page, seq: page.seq + 1, head: channelHeadOf(forged), posts: [...page.posts, forged] }
    },
  })
}

/** Another history for two victims: what the first one posts. */
interface Fork {
  readonly channel: ConversationId
  /** Number of the first post that only the victims have. */
  readonly first: number
  readonly posts: Uint8Array[]
}

/**
 * Takes posts of the first device, stores them nowhere, and shows them to it and to the second one as the end of the channel, while everybody else
 * sees what others post under the same numbers.
 */
export function forkChannel(tools: LieTools): ActiveLie {
  const [author, follower] = tools.victims
  let fork: Fork | undefined
  const endOf = ({ channel, first, posts }: Fork): ChannelHead => {
    const last = posts.at(-1)
    return { channel, seq: first + posts.length - 1, head: last === undefined ? new Uint8Array(32) : channelHeadOf(last) }
  }
  const isForked = (channel: ConversationId): boolean => fork?.channel === channel && fork.posts.length > 0
  const view = showingChannels(tools, 'another history', {
    post: (bytes, seq, channel) => (fork !== undefined && isForked(channel) && seq >= fork.first ? [] : [bytes]),
    page(page, _victim, after) {
      if (fork === undefined || !isForked(page.channel)) return page
      const { first, posts } = fork
      const before = page.posts.filter((bytes) => (postIn(bytes)?.seq ?? first) < first)
      const reached = postIn(before.at(-1) ?? new Uint8Array(0))?.seq ?? after
      const own = reached < first - 1 ? [] : posts.filter((_bytes, index) => first + index > reached)
      return { ...endOf(fork), posts: [...before, ...own].slice(0, CHANNEL_PAGE_POSTS_MAX) }
    },
    head: (head) => (fork !== undefined && isForked(head.channel) ? endOf(fork) : head),
  })
  return {
    fromServer: view.fromServer,
    fromClient(frame, victim) {
      view.fromClient(frame, victim)
      const post = frame.type === FRAME_TYPE.post && victim.name === author ? postIn(frame.body) : undefined
      if (post === undefined || (fork === undefined && !tools.random.chance(0.6))) return [frame]
      fork ??= { channel: post.channel, first: post.seq, posts: [] }
      const { channel, first, posts } = fork
      const isNext = post.seq === first + posts.length
      const isAgain = hexOf(posts[post.seq - first] ?? new Uint8Array(0)) === hexOf(frame.body)
      if (post.channel !== channel || (!isNext && !isAgain)) return [frame]
      const bytes = frame.body.slice()
      if (isNext) {
        posts.push(bytes)
        for (const name of tools.victims) tools.forked(name, bytes)
        if (follower !== undefined) tools.enqueue(follower, postedFrame(bytes))
      }
      tools.changed(`post ${post.seq} is for ${tools.victims.join(' and ')} alone`)
      tools.inject(victim, frameOf(FRAME_TYPE.channelHead, encodeChannelHead(endOf(fork)), frame.correlation))
      return []
    },
  }
}
