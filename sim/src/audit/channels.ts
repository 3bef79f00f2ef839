import {
  channelHeadOf, decodeChannelHead, decodeChannelPage, decodeChannelPost, decodeFailure, decodeReadChannel, decodeUnfollow, FRAME_TYPE, hexOf, LIMITS,
  type ConversationId,
} from '@evegram/protocol'
import type { SimProcess } from '../kernel/process.js'
import type { ChannelChains } from './channel-chains.js'
import { short, type AuditContext } from './ledger.js'

/** Followers are told the head every half a minute; a node whose store was slow a moment ago needs some seconds more. */
const HEAD_MS_MAX = 2 * LIMITS.channelHeadIntervalMs

/** What one socket was told of a channel that it follows. */
interface Following {
  readonly node: SimProcess
  /** True time of the last head that the node told on its own, or of the answer to `follow`. */
  toldMs: number
  headSeq: number
  pushedSeq: number
}

/** Requests and subscriptions of one socket. */
interface Line {
  readonly posts: Map<number, Uint8Array>
  readonly follows: Map<number, ConversationId>
  readonly following: Map<ConversationId, Following>
}

/**
 * Channels in nodes and stores: a post is stored before it is published and acknowledged (P1), once (P2), in one chain (P3), by an author of a membership
 * that is never older than that of the post before (P7); the broker has it before the ack, followers are told the head in time, and a node listens to a
 * channel before it reads the first page for a follower (P10). What devices show is for `ChannelFollowers`.
 */
export class Channels {
  readonly #context: AuditContext
  readonly #chains: ChannelChains
  readonly #texts = new Set<string>()
  /** Of every post that is stored, in hex: a body is sealed for one post, whatever it says. */
  readonly #bodies = new Set<string>()
  readonly #lines = new Map<string, Line>()
  /** Packet ids by node and head of the post, and the newest that the broker has by node. */
  readonly #packets = new Map<string, number>()
  readonly #flushed = new Map<string, number>()
  /** By node and channel: since when the broker gives it the posts. */
  readonly #listening = new Map<string, number>()
  #calmMs: number | undefined

  constructor(context: AuditContext, chains: ChannelChains) {
    this.#context = context
    this.#chains = chains
  }

  /** Nothing fails any more. */
  faultsEnded(): void {
    this.#calmMs = this.#context.run.trueTimeMs
  }

  /** A post is in the store. */
  stored(bytes: Uint8Array): void {
    const { run, ledger } = this.#context
    const post = decodeChannelPost(bytes)
    const { channel, seq, author, members } = post
    if (this.#chains.isStored(post, bytes)) return
    const length = this.#chains.length(channel)
    run.coverage.count('audit/post stored')
    const what = `post ${seq} of channel ${short(channel)}`
    const last = this.#chains.get(channel, length)
    if (seq !== length + 1) run.broken('P3', `${what} is stored behind ${length} posts`)
    if (last !== undefined && last.head !== hexOf(post.prev)) run.broken('P3', `${what} does not follow the one before it`)
    if (ledger.device(author.device)?.account !== author.account) run.broken('P7', `${what} is by device ${short(author.device)}, whose owner never made it`)
    const version = ledger.groups.version(channel, members.seq)
    if (version?.members.has(author.account) !== true || version.head !== hexOf(members.head)) run.broken('P7', `${what} is by ${ledger.nameOf(author.device)}, who was no author then`)
    if (last !== undefined && members.seq < last.post.members.seq) run.broken('P7', `${what} names older authors than the one before it`)
    const body = hexOf(post.body)
    if (this.#bodies.has(body)) run.broken('P2', `${what} is one that is stored already, under another number`)
    this.#bodies.add(body)
    const written = this.#chains.writtenOf(post.body)
    if (written?.device !== author.device) run.broken('P7', `${what} was never written by ${ledger.nameOf(author.device)}`)
    else if (written.kind === 'text') {
      if (this.#texts.has(written.text)) run.broken('P2', `${what} says what another post says already`)
      this.#texts.add(written.text)
    }
    this.#chains.push(post, bytes)
  }

  /** A node gave a post to the broker. */
  published(node: SimProcess, bytes: Uint8Array, packet: number): void {
    const post = decodeChannelPost(bytes)
    if (!this.#chains.isStored(post, bytes)) this.#context.run.broken('P1', `${node.name} published post ${post.seq} of channel ${short(post.channel)} before it was stored`)
    this.#packets.set(packetKey(node, bytes), packet)
  }

  flushed(node: SimProcess, packet: number): void {
    this.#flushed.set(node.name, Math.max(this.#flushed.get(node.name) ?? 0, packet))
  }

  /** The broker gives a node what is published of a channel, or does so no more. A connection that broke and came back changes nothing: what it lost, heads bring. */
  listens(node: SimProcess, channel: string, isOn: boolean): void {
    const key = `${node.name}/${channel}`
    if (!isOn) this.#listening.delete(key)
    else if (!this.#listening.has(key)) this.#listening.set(key, this.#chains.nextOrder())
  }

  /** A welcomed socket said something about a channel; `body` passes away. */
  received(node: SimProcess, socket: number, type: number, correlation: number, body: Uint8Array): void {
    const line = this.#lineOf(node, socket)
    switch (type) {
      case FRAME_TYPE.post: {
        line.posts.set(correlation, body.slice())
        return
      }
      case FRAME_TYPE.follow: {
        line.follows.set(correlation, decodeReadChannel(body).channel)
        return
      }
      case FRAME_TYPE.unfollow: {
        line.following.delete(decodeUnfollow(body).channel)
        return
      }
      case FRAME_TYPE.readChannel: {
        const { channel, after } = decodeReadChannel(body)
        const following = line.following.get(channel)
        if (following !== undefined && following.headSeq > after && following.pushedSeq <= after) this.#context.run.coverage.count('audit/head brought a lost post')
        return
      }
      default:
    }
  }

  /** A node answers or pushes something about a channel. */
  sent(node: SimProcess, socket: number, type: number, correlation: number, body: Uint8Array): void {
    const line = this.#lineOf(node, socket)
    const { run } = this.#context
    switch (type) {
      case FRAME_TYPE.channelHead: {
        const { channel, seq } = decodeChannelHead(body)
        const following = line.following.get(channel)
        if (correlation === 0 && following !== undefined) {
          following.toldMs = run.trueTimeMs
          following.headSeq = Math.max(following.headSeq, seq)
        }
        const asked = line.posts.get(correlation)
        line.posts.delete(correlation)
        if (correlation !== 0 && asked !== undefined) this.#acked(node, asked)
        return
      }
      case FRAME_TYPE.channelPage: {
        const channel = line.follows.get(correlation)
        line.follows.delete(correlation)
        const { seq } = decodeChannelPage(body)
        if (channel !== undefined) this.#followed(node, channel, seq)
        if (channel !== undefined) line.following.set(channel, { node, toldMs: run.trueTimeMs, headSeq: seq, pushedSeq: seq })
        return
      }
      case FRAME_TYPE.posted: {
        const { channel, seq } = decodeChannelPost(body)
        const following = line.following.get(channel)
        if (following !== undefined) following.pushedSeq = Math.max(following.pushedSeq, seq)
        return
      }
      case FRAME_TYPE.failure: {
        if (line.posts.delete(correlation)) run.coverage.count(`branch/post refused ${decodeFailure(body).code}`)
        line.follows.delete(correlation)
        return
      }
      default:
    }
  }

  socketClosed(node: SimProcess, socket: number): void {
    this.#lines.delete(lineKey(node, socket))
  }

  /** Whether every follower was told a head in time since nothing failed any more. */
  finish(): void {
    const { run, ledger } = this.#context
    for (const { following } of this.#lines.values()) {
      for (const [channel, { node, toldMs }] of following) {
        run.coverage.count('audit/heads told')
        const sinceMs = Math.max(toldMs, this.#calmMs ?? run.trueTimeMs)
        if (!node.alive || node.suspended || ledger.awakeSinceMs(node.name, sinceMs) <= HEAD_MS_MAX) continue
        run.broken('P10', `${node.name} told a follower no head of channel ${short(channel)} for ${Math.floor(run.trueTimeMs - sinceMs)} ms`)
      }
    }
  }

  /** Rule 12: what was stored after the page was read has to come by itself. */
  #followed(node: SimProcess, channel: ConversationId, seq: number): void {
    const { run } = this.#context
    run.coverage.count('audit/listens before the page')
    const next = this.#chains.get(channel, seq + 1)
    const since = this.#listening.get(`${node.name}/${channel}`)
    if (next === undefined || (since !== undefined && since < next.order)) return
    run.broken('P10', `${node.name} showed a follower channel ${short(channel)} up to post ${seq} and listened to it only after post ${seq + 1} was stored`)
  }

  #acked(node: SimProcess, bytes: Uint8Array): void {
    const { run } = this.#context
    const post = decodeChannelPost(bytes)
    run.coverage.count('audit/post acknowledged')
    const what = `${node.name} acknowledged post ${post.seq} of channel ${short(post.channel)}`
    if (!this.#chains.isStored(post, bytes)) return run.broken('P1', `${what}, which is not stored`)
    const packet = this.#packets.get(packetKey(node, bytes))
    if (packet === undefined) run.broken('P10', `${what} and did not publish it`)
    else if (packet > (this.#flushed.get(node.name) ?? 0)) run.broken('P10', `${what} before the broker had it`)
  }

  #lineOf(node: SimProcess, socket: number): Line {
    const key = lineKey(node, socket)
    const known = this.#lines.get(key)
    if (known !== undefined) return known
    const made: Line = { posts: new Map(), follows: new Map(), following: new Map() }
    this.#lines.set(key, made)
    return made
  }
}

function lineKey(node: SimProcess, socket: number): string {
  return `${node.name}/${socket}`
}

function packetKey(node: SimProcess, post: Uint8Array): string {
  return `${node.name}/${hexOf(channelHeadOf(post))}`
}
