import {
  channelHeadOf, decodeChannelHead, decodeChannelPage, decodeChannelPost, decodeFailure, decodeReadChannel, decodeUnfollow, equalBytes, FRAME_TYPE, hexOf, LIMITS,
  type ChannelPost, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import type { ChannelPostShown, ClientEvents } from '@evegram/sdk'
import type { ChannelRow } from '@evegram/sdk/parts'
import type { SimProcess } from '../kernel/process.js'
import type { ChannelCommit } from './channel-commit.js'
import { short, type AuditContext, type DeviceRecord, type FollowedChannel } from './ledger.js'

/** Retention is cut by whole hours, and a follower counts from the last time it was confirmed, which is kept by the hour. */
const RETENTION_SLACK_MS = 4 * 3_600_000
/** Followers are told the head every half a minute; a node whose store was slow a moment ago needs some seconds more. */
const HEAD_MS_MAX = 2 * LIMITS.channelHeadIntervalMs

/** A post as its author's disk says it. */
interface Written {
  readonly device: DeviceId
  readonly kind: 'text' | 'authors'
  readonly text: string
}

/** A post that is stored. */
interface StoredPost {
  readonly post: ChannelPost
  readonly bytes: Uint8Array
  readonly head: Uint8Array
  readonly written: Written | undefined
}

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
 * Channels: a post is stored before it is published and acknowledged (P1), once, as its author wrote it (P2), in one chain that every device shows alike
 * and without a hole that has no name (P3, P4), by an author of a membership that is never older than that of the post before (P7); followers are told the
 * head in time and in the end show everything (P10).
 */
export class Channels {
  readonly #context: AuditContext
  readonly #chains = new Map<ConversationId, StoredPost[]>()
  /** By body, in hex: no two posts have the same. */
  readonly #written = new Map<string, Written>()
  readonly #texts = new Set<string>()
  readonly #lines = new Map<string, Line>()
  /** Packet ids by node and head of the post, and the newest that the broker has by node. */
  readonly #packets = new Map<string, number>()
  readonly #flushed = new Map<string, number>()
  #calmMs: number | undefined

  constructor(context: AuditContext) {
    this.#context = context
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
    const chain = this.#chains.get(channel) ?? []
    this.#chains.set(channel, chain)
    const standing = chain[seq - 1]
    if (standing !== undefined && equalBytes(standing.bytes, bytes)) return
    run.coverage.count('audit/post stored')
    const what = `post ${seq} of channel ${short(channel)}`
    const last = chain.at(-1)
    if (seq !== chain.length + 1) run.broken('P3', `${what} is stored behind ${chain.length} posts`)
    if (last !== undefined && !equalBytes(last.head, post.prev)) run.broken('P3', `${what} does not follow the one before it`)
    if (ledger.device(author.device)?.account !== author.account) run.broken('P7', `${what} is by device ${short(author.device)}, whose owner never made it`)
    const version = ledger.groups.version(channel, members.seq)
    if (version?.members.has(author.account) !== true || version.head !== hexOf(members.head)) run.broken('P7', `${what} is by ${ledger.nameOf(author.device)}, who was no author then`)
    if (last !== undefined && members.seq < last.post.members.seq) run.broken('P7', `${what} names older authors than the one before it`)
    const written = this.#written.get(hexOf(post.body))
    if (written?.device !== author.device) run.broken('P7', `${what} was never written by ${ledger.nameOf(author.device)}`)
    else if (written.kind === 'text') {
      if (this.#texts.has(written.text)) run.broken('P2', `${what} says what another post says already`)
      this.#texts.add(written.text)
    }
    chain.push({ post, bytes: bytes.slice(), head: channelHeadOf(bytes), written })
  }

  /** A node gave a post to the broker. */
  published(node: SimProcess, bytes: Uint8Array, packet: number): void {
    const post = decodeChannelPost(bytes)
    if (!this.#isStored(post, bytes)) this.#context.run.broken('P1', `${node.name} published post ${post.seq} of channel ${short(post.channel)} before it was stored`)
    this.#packets.set(packetKey(node, bytes), packet)
  }

  flushed(node: SimProcess, packet: number): void {
    this.#flushed.set(node.name, Math.max(this.#flushed.get(node.name) ?? 0, packet))
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

  /** `Channel.post` resolved. */
  posted(name: string, channel: ConversationId, text: string, seq: number): void {
    const { run, ledger } = this.#context
    run.coverage.count('audit/posted')
    const stored = this.#chains.get(channel)?.[seq - 1]
    if (stored?.written?.text === text && ledger.named(name)?.account === stored.post.author.account) return
    run.broken('P1', `${name} was told that a text is post ${seq} of channel ${short(channel)}, and it is not`)
  }

  /** Rows became durable. */
  committed(device: DeviceRecord, { rows, left, shown, waiting }: ChannelCommit): void {
    for (const { key, post } of waiting) {
      if (post === undefined) device.waitingPosts.delete(key)
      else {
        device.waitingPosts.add(key)
        this.#written.set(hexOf(post.body), { device: device.device, kind: post.kind, text: post.text })
      }
    }
    for (const channel of left) {
      device.channels.delete(channel)
      device.groups.delete(channel)
    }
    for (const post of shown) this.#shown(device, post)
    for (const row of rows) this.#advanced(device, row)
  }

  told<Name extends keyof ClientEvents>(device: DeviceRecord, event: Name, value: ClientEvents[Name]): void {
    // `event` names the type of `value` in each case.
    switch (event) {
      case 'channel-post': return this.#told(device, value as ClientEvents['channel-post'])
      case 'channel-gap': return this.#gap(device, value as ClientEvents['channel-gap'])
      case 'channel-alarm': return this.#alarm(device, value as ClientEvents['channel-alarm'])
      case 'channel-post-failed': {
        this.#context.run.coverage.count(`branch/post given up ${(value as ClientEvents['channel-post-failed']).error.code}`)
        return
      }
      default:
    }
  }

  /** What is not posted or not shown where it must be; undefined when nothing is. */
  missing(): string | undefined {
    const { ledger, run } = this.#context
    for (const device of ledger.devices) {
      if (!ledger.isExpected(device)) continue
      if (device.waitingPosts.size > 0) return `${device.name} waits to post ${device.waitingPosts.size} texts`
      for (const [channel, { seq }] of device.channels) {
        run.coverage.count('audit/channel followed to its end')
        const length = this.#chains.get(channel)?.length ?? 0
        if (seq !== length) return `${device.name} shows channel ${short(channel)} up to ${seq ?? 'nothing'} of ${length}`
      }
    }
    return undefined
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

  #acked(node: SimProcess, bytes: Uint8Array): void {
    const { run } = this.#context
    const post = decodeChannelPost(bytes)
    run.coverage.count('audit/post acknowledged')
    const what = `${node.name} acknowledged post ${post.seq} of channel ${short(post.channel)}`
    if (!this.#isStored(post, bytes)) return run.broken('P1', `${what}, which is not stored`)
    const packet = this.#packets.get(packetKey(node, bytes))
    if (packet === undefined) run.broken('P10', `${what} and did not publish it`)
    else if (packet > (this.#flushed.get(node.name) ?? 0)) run.broken('P10', `${what} before the broker had it`)
  }

  #isStored({ channel, seq }: ChannelPost, bytes: Uint8Array): boolean {
    const stored = this.#chains.get(channel)?.[seq - 1]
    return stored !== undefined && equalBytes(stored.bytes, bytes)
  }

  #shown(device: DeviceRecord, { channel, seq, by, text }: ChannelPostShown): void {
    const { run } = this.#context
    run.coverage.count('audit/post shown')
    const record = recordOf(device, channel)
    const what = `${device.name} shows post ${seq} of channel ${short(channel)}`
    if (record.shown.has(seq)) run.broken('P2', `${what} twice`)
    record.shown.add(seq)
    const stored = this.#chains.get(channel)?.[seq - 1]
    if (stored === undefined) run.broken('P7', `${what}, which nobody stored`)
    else if (stored.post.author.account !== by || stored.written?.kind !== 'text' || stored.written.text !== text) run.broken('P7', `${what}, and its author wrote something else`)
  }

  /** Everything up to the new place is shown, or has a name. */
  #advanced(device: DeviceRecord, { channel, state }: ChannelRow): void {
    const { run } = this.#context
    const record = recordOf(device, channel)
    if (state === undefined) return
    const what = `${device.name} is at post ${state.seq} of channel ${short(channel)}`
    const chain = this.#chains.get(channel) ?? []
    if (record.seq !== undefined && state.seq < record.seq) run.broken('P3', `${what} after post ${record.seq}`)
    if (state.seq > 0 && hexOf(chain[state.seq - 1]?.head ?? new Uint8Array()) !== hexOf(state.head)) run.broken('P3', `${what} of another chain than the one that is stored`)
    for (let seq = (record.seq ?? 0) + 1; seq <= state.seq; seq++) {
      const stored = chain[seq - 1]
      if (stored?.written?.kind !== 'text' || record.shown.has(seq)) continue
      // What is older is gone: who is new never saw it, to others it is named.
      if (!this.#isExpired(stored)) run.broken('P4', `${what} and never showed post ${seq}`)
    }
    record.seq = state.seq
  }

  #isExpired({ post }: StoredPost): boolean {
    return post.atMs < this.#context.run.trueTimeMs - LIMITS.retentionMs + RETENTION_SLACK_MS
  }

  #told(device: DeviceRecord, { channel, seq }: ClientEvents['channel-post']): void {
    const record = device.channels.get(channel)
    // It was left in the meantime.
    if (record === undefined) return
    const { run } = this.#context
    if (!record.shown.has(seq)) run.broken('P2', `${device.name} told of post ${seq} of channel ${short(channel)} before it was durable`)
    if (record.told.has(seq)) run.broken('P2', `${device.name} told of post ${seq} of channel ${short(channel)} twice`)
    record.told.add(seq)
  }

  #gap(device: DeviceRecord, { channel, from, to, reason }: ClientEvents['channel-gap']): void {
    const { run, malicious } = this.#context
    run.coverage.count(`audit/channel gap ${reason}`)
    if (malicious) return
    const what = `${device.name} calls posts ${from} to ${to} of channel ${short(channel)} ${reason}`
    if (reason === 'withheld') run.broken('P4', `${what}, where the server hides nothing`)
    else if (this.#chains.get(channel)?.slice(from - 1, to).some((stored) => !this.#isExpired(stored)) === true) run.broken('P5', `${what}, within the retention`)
  }

  #alarm(device: DeviceRecord, { channel, code, reason }: ClientEvents['channel-alarm']): void {
    const { run, malicious } = this.#context
    run.coverage.count(`audit/channel alarm ${code}`)
    run.note(device.name, `alarm ${code} for channel ${short(channel)}: ${reason}`)
    if (!malicious) run.broken('P4', `${device.name} raised ${code} for channel ${short(channel)} (${reason}), which is shown as it is`)
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

function recordOf(device: DeviceRecord, channel: ConversationId): FollowedChannel {
  const known = device.channels.get(channel)
  if (known !== undefined) return known
  const made: FollowedChannel = { seq: undefined, shown: new Set(), told: new Set() }
  device.channels.set(channel, made)
  return made
}

function lineKey(node: SimProcess, socket: number): string {
  return `${node.name}/${socket}`
}

function packetKey(node: SimProcess, post: Uint8Array): string {
  return `${node.name}/${hexOf(channelHeadOf(post))}`
}
