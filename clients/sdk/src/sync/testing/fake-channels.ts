import {
  applyChannelPost, channelStateAfter, decodeChannelPost, emptyChannelState, EvegramError, hexOf,
  type AccountState, type ChannelHead, type ChannelPage, type ChannelState, type ConversationId, type DeviceId, type AccountId, type GroupState, type ReadChannel,
} from '@evegram/protocol'
import { noblePrimitives } from '../../crypto/noble-primitives.js'
import type { ConnectionEvent } from '../../transport/connection.js'

/** How a test makes the server misbehave with channels. Undefined results leave things as they are. */
export interface ChannelLies {
  /** What is shown of a channel when it is followed or read. */
  page?: (page: ChannelPage, to: DeviceId) => ChannelPage
  /** What is pushed of a post: nothing, another, several, in another order. */
  push?: (post: Uint8Array, to: DeviceId) => readonly Uint8Array[]
  /** A post is refused before it is stored: the code of the refusal. */
  refuse?: (post: Uint8Array, from: DeviceId) => EvegramError | undefined
  /** The answer to a post is lost, before or after it was stored. */
  lose?: (post: Uint8Array, from: DeviceId) => 'before' | 'after' | undefined
  /** The server takes posts of anybody, signed over whatever. */
  takeAnything?: boolean
}

interface Stored {
  state: ChannelState
  readonly posts: { readonly seq: number; readonly bytes: Uint8Array; readonly atMs: number }[]
  readonly followers: Set<DeviceId>
}

/** What {@link FakeChannels} needs of its server. */
export interface FakeChannelPorts {
  nowMs(): number
  lies(): ChannelLies
  stateOf(account: AccountId): AccountState
  group(channel: ConversationId): GroupState | undefined
  push(to: DeviceId, event: ConnectionEvent): void
}

/** The channels of a server in memory: one chain of posts each, pushed to followers. */
export class FakeChannels {
  readonly #ports: FakeChannelPorts
  readonly #channels = new Map<ConversationId, Stored>()
  /** Posts of one page. */
  pageSize = 3
  /** Requests that read posts, `follow` included. */
  reads = 0
  /** Bytes of every post that was offered, in order. */
  readonly offered: Uint8Array[] = []

  constructor(ports: FakeChannelPorts) {
    this.#ports = ports
  }

  /** The encoded posts of a channel that are kept, in order. */
  postsOf(channel: ConversationId): readonly Uint8Array[] {
    return this.#stored(channel).posts.map(({ bytes }) => bytes)
  }

  stateOf(channel: ConversationId): ChannelState {
    return this.#stored(channel).state
  }

  /** Stores what no honest server would: to be called with `lies.takeAnything` thoughts in mind. Pushed as others are. */
  force(channel: ConversationId, bytes: Uint8Array): void {
    const stored = this.#stored(channel)
    this.#append(stored, bytes)
  }

  /** Forgets what is older than `beforeMs`, as retention does. */
  trim(beforeMs: number): void {
    for (const { posts } of this.#channels.values()) while ((posts[0]?.atMs ?? beforeMs) < beforeMs) posts.shift()
  }

  /** Tells every follower the head, as a server does now and then. */
  tellHeads(): void {
    for (const { state, followers } of this.#channels.values()) {
      for (const device of followers) this.#ports.push(device, { type: 'channel_head', head: headOf(state) })
    }
  }

  /** A connection ended: it follows nothing any more. */
  gone(device: DeviceId): void {
    for (const { followers } of this.#channels.values()) followers.delete(device)
  }

  post(from: DeviceId, bytes: Uint8Array): ChannelHead | 'lost' {
    this.offered.push(bytes)
    const lies = this.#ports.lies()
    const refusal = lies.refuse?.(bytes, from)
    if (refusal !== undefined) throw refusal
    const lost = lies.lose?.(bytes, from)
    if (lost === 'before') return 'lost'
    const head = this.#post(from, bytes)
    return lost === 'after' ? 'lost' : head
  }

  follow(device: DeviceId, request: ReadChannel): ChannelPage {
    this.#known(request.channel).followers.add(device)
    return this.read(device, request)
  }

  unfollow(device: DeviceId, channel: ConversationId): ChannelHead {
    const { followers, state } = this.#known(channel)
    followers.delete(device)
    return headOf(state)
  }

  read(device: DeviceId, { channel, after }: ReadChannel): ChannelPage {
    this.reads += 1
    const { state, posts } = this.#known(channel)
    const page = { ...headOf(state), posts: posts.filter(({ seq }) => seq > after).slice(0, this.pageSize).map(({ bytes }) => bytes) }
    return this.#ports.lies().page?.(page, device) ?? page
  }

  #post(from: DeviceId, bytes: Uint8Array): ChannelHead {
    const { channel, author, members } = decodeChannelPost(bytes)
    const stored = this.#known(channel)
    const last = stored.posts.at(-1)
    if (last !== undefined && hexOf(last.bytes) === hexOf(bytes)) return headOf(stored.state)
    if (author.device !== from) throw new EvegramError('denied.sender', { operation: 'post' })
    if (this.#ports.lies().takeAnything === true) return this.#append(stored, bytes)
    const group = this.#ports.group(channel)
    if (group?.members.has(author.account) !== true) throw new EvegramError('denied.not_author', { operation: 'post' })
    const result = applyChannelPost(stored.state, bytes, {
      primitives: noblePrimitives, nowMs: this.#ports.nowMs(), mode: 'server', isAuthor: () => true,
      signingKeyOf: () => { const found = this.#ports.stateOf(author.account).devices.get(author.device); return found?.active === true ? found.signingKey : undefined },
    })
    if (result.status === 'refused') throw new EvegramError(result.code, { operation: 'post', details: { reason: result.reason } })
    if (members.seq !== group.seq) throw new EvegramError('stale.membership', { operation: 'post' })
    return this.#append(stored, bytes)
  }

  #append(stored: Stored, bytes: Uint8Array): ChannelHead {
    const post = decodeChannelPost(bytes)
    stored.state = channelStateAfter(stored.state, post, bytes)
    stored.posts.push({ seq: post.seq, bytes, atMs: this.#ports.nowMs() })
    for (const device of stored.followers) {
      for (const pushed of this.#ports.lies().push?.(bytes, device) ?? [bytes]) this.#ports.push(device, { type: 'posted', post: pushed })
    }
    return headOf(stored.state)
  }

  #known(channel: ConversationId): Stored {
    if (this.#ports.group(channel)?.kind !== 'channel') throw new EvegramError('not_found.conversation', { operation: 'use channel' })
    return this.#stored(channel)
  }

  #stored(channel: ConversationId): Stored {
    const known = this.#channels.get(channel) ?? { state: emptyChannelState(channel), posts: [], followers: new Set<DeviceId>() }
    this.#channels.set(channel, known)
    return known
  }
}

function headOf({ channel, seq, head }: ChannelState): ChannelHead {
  return { channel, seq, head }
}
