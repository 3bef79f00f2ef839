import { subjectOf, withDeadline, type Bus, type Logger, type Subject } from '@evegram/platform'
import {
  concatBytes, encodeChannelHead, encodeFrame, EvegramError, FRAME_TYPE, isEvegramError, LIMITS, type Clock, type ConversationId, type Random, type Timer,
} from '@evegram/protocol'
import type { ChannelLog } from '../ports/channel-log.js'
import type { SocketServer } from '../ports/socket-server.js'
import type { Turn } from '../ports/turn.js'
import { ChannelPace, POSTS_OF_FULL_WRITE } from './channel-pace.js'
import type { EngineMetrics } from './metrics.js'
import type { Session } from './session.js'

/** Channels with followers on one node: each costs a subscription at the broker and a read of its head every half a minute. */
export const FOLLOWED_CHANNELS_OF_NODE_MAX = 100_000
/** After the first follower of a channel came to this node its head is told after this long: the broker tells other brokers of the interest when it likes. */
export const FIRST_HEAD_MS = 5_000
/** Interval between looks for channels whose head is due. */
const ROUND_MS = 1_000
/** Heads are told up to this much earlier than `channelHeadIntervalMs` says, so that channels that were followed at once are not read at once for ever. */
const HEAD_JITTER_MS = LIMITS.channelHeadIntervalMs / 4
/** Heads that one round reads: enough for all that a node may have, each in its interval. What is left is first in the next. */
const HEADS_OF_ROUND_MAX = 8_192
/** Heads that are read at once. */
const HEAD_READS_AT_ONCE = 64
/** Time for the broker to take what it was given. */
const FLUSH_TIMEOUT_MS = 2_000

/** What following needs. */
export interface ChannelParts {
  readonly clock: Clock
  readonly turn: Turn
  readonly random: Random
  readonly bus: Bus
  readonly topics: Pick<SocketServer, 'publish'>
  readonly channelLog: ChannelLog
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/** A channel with followers here. */
interface Followed {
  readonly channel: ConversationId
  readonly sessions: Set<Session>
  readonly endBus: () => void
  /** Posts that other nodes publish come here once this resolved. */
  readonly subscribed: Promise<void>
  headDueMonotonicMs: number
  /** What all followers here get with the next write. */
  frames: Uint8Array[]
  frameBytes: number
  /** The write that is planned: at the end of this turn, or by a timer. */
  planned: 'turn' | Timer | undefined
  readonly pace: ChannelPace
}

/**
 * Who follows which channel on this node. One subscription at the broker for a channel, however many follow it; what comes there in one turn goes to a topic
 * of the sockets, as one message.
 *
 * A post may be lost between nodes, and nobody numbers those packets: each has its number in itself. So followers are told the head of the channel every
 * `channelHeadIntervalMs`, and pull what they lack (rule 12).
 */
export class Channels {
  readonly #parts: ChannelParts
  readonly #followed = new Map<ConversationId, Followed>()
  readonly #bySession = new Map<Session, Set<ConversationId>>()
  #timer: Timer | undefined
  #telling = false

  constructor(parts: ChannelParts) {
    this.#parts = parts
  }

  /** Begins to tell heads. */
  start(): void {
    this.#timer = this.#parts.clock.every(ROUND_MS, () => { void this.round() })
  }

  /** Ends all subscriptions at the broker. */
  stop(): void {
    this.#timer?.cancel()
    for (const { endBus } of this.#followed.values()) endBus()
    this.#followed.clear()
    this.#bySession.clear()
  }

  /**
   * Lets the session follow. Resolved = what is published from now on goes to its socket, so that what it reads next is complete. Twice is once.
   * Rejects `limited.channels` (of this connection), `limited.connections` (of this node), `unavailable.bus`, `timeout`; then it does not follow.
   */
  async follow(session: Session, channel: ConversationId): Promise<void> {
    // Whoever is gone would follow for ever: its end was told already.
    if (session.state === 'closed') return
    const own = this.#bySession.get(session) ?? new Set<ConversationId>()
    if (!own.has(channel) && own.size >= LIMITS.followedChannelsMax) throw new EvegramError('limited.channels', { operation: 'follow channel' })
    const followed = this.#followed.get(channel) ?? this.#subscribe(channel)
    if (!own.has(channel)) this.#parts.metrics.followers.add()
    this.#bySession.set(session, own.add(channel))
    followed.sessions.add(session)
    session.socket.subscribe(topicOf(channel))
    try {
      await followed.subscribed
    } catch (failure) {
      this.#parts.metrics.busFailures.add()
      this.unfollow(session, channel)
      throw isEvegramError(failure) ? failure : new EvegramError('unavailable.bus', { operation: 'follow channel', cause: failure })
    }
  }

  /** Ends following; nothing happens where the session does not follow. The last one ends the subscription at the broker. */
  unfollow(session: Session, channel: ConversationId): void {
    const own = this.#bySession.get(session)
    if (own?.delete(channel) !== true) return
    this.#parts.metrics.followers.add(-1)
    if (own.size === 0) this.#bySession.delete(session)
    session.socket.unsubscribe(topicOf(channel))
    const followed = this.#followed.get(channel)
    followed?.sessions.delete(session)
    if (followed?.sessions.size === 0) {
      followed.endBus()
      this.#followed.delete(channel)
      this.#parts.metrics.followedChannels.set(this.#followed.size)
    }
  }

  /** The session is closed: it follows nothing any more. */
  forget(session: Session): void {
    for (const channel of [...this.#bySession.get(session) ?? []]) this.unfollow(session, channel)
  }

  /**
   * Gives stored posts to the nodes that have followers, this one included. Resolved = the broker has them. Rejects `unavailable.bus`, `limited.queue`,
   * `timeout`: then some followers see them with the next head only.
   */
  async publish(channel: ConversationId, posts: readonly Uint8Array[]): Promise<void> {
    const { bus, metrics } = this.#parts
    try {
      for (const post of posts) bus.publish(subjectOfChannel(channel), post)
      await this.#flush()
    } catch (failure) {
      metrics.busFailures.add()
      throw isEvegramError(failure) ? failure : new EvegramError('unavailable.bus', { operation: 'publish post', cause: failure })
    }
  }

  /**
   * How long `posts` of the channel that are not stored yet may wait for others: 0, or at least 1 ms. Whoever follows here gets them no later for it, or a few
   * ms; without followers here nothing waits.
   */
  gatherMs(channel: ConversationId, posts: number): number {
    const followed = this.#followed.get(channel)
    return followed?.pace.gatherMs(this.#parts.clock.monotonicMs(), followed.sessions.size, followed.frames.length + posts) ?? 0
  }

  /** `posts` waited as long as {@link gatherMs} said. */
  gathered(channel: ConversationId, posts: number, waitedMs: number): void {
    this.#followed.get(channel)?.pace.gathered(this.#parts.clock.monotonicMs(), posts, waitedMs)
  }

  /** Tells the heads that are due. Never rejects; one that could not be read is told in the next round. */
  async round(): Promise<void> {
    if (this.#telling) return
    this.#telling = true
    try {
      const nowMs = this.#parts.clock.monotonicMs()
      const due: Followed[] = []
      for (const followed of this.#followed.values()) {
        if (followed.headDueMonotonicMs <= nowMs && due.push(followed) >= HEADS_OF_ROUND_MAX) break
      }
      const next = due.values()
      // They share one iterator: each takes the next that nobody has taken.
      await Promise.all(Array.from({ length: Math.min(HEAD_READS_AT_ONCE, due.length) }, async () => {
        for (const followed of next) await this.#tellHead(followed)
      }))
    } finally {
      this.#telling = false
    }
  }

  async #tellHead(followed: Followed): Promise<void> {
    const { clock, channelLog, metrics, log } = this.#parts
    const { channel } = followed
    try {
      const { seq, head } = await channelLog.head(channel)
      if (this.#followed.get(channel) !== followed) return
      this.#show(followed, encodeFrame(FRAME_TYPE.channelHead, 0, encodeChannelHead({ channel, seq, head })))
      metrics.headsTold.add()
      followed.headDueMonotonicMs = clock.monotonicMs() + LIMITS.channelHeadIntervalMs - ROUND_MS - this.#jitterMs()
    } catch (cause) {
      log.warn({ err: cause }, 'the head of a channel could not be read')
    }
  }

  #subscribe(channel: ConversationId): Followed {
    const { clock, bus } = this.#parts
    if (this.#followed.size >= FOLLOWED_CHANNELS_OF_NODE_MAX) throw new EvegramError('limited.connections', { operation: 'follow channel' })
    const endBus = bus.subscribe(subjectOfChannel(channel), (post) => { this.#show(followed, encodeFrame(FRAME_TYPE.posted, 0, post)) })
    const followed: Followed = {
      channel, sessions: new Set(), endBus, subscribed: this.#flush(), headDueMonotonicMs: clock.monotonicMs() + FIRST_HEAD_MS, frames: [], frameBytes: 0,
      planned: undefined, pace: new ChannelPace(),
    }
    this.#followed.set(channel, followed)
    this.#parts.metrics.followedChannels.set(this.#followed.size)
    return followed
  }

  /**
   * Shows a frame to all followers here: at the end of the turn, or, when they were written to a moment ago, when their {@link ChannelPace} says so. What
   * comes for them until then is one message, and one write for each socket.
   */
  #show(followed: Followed, frame: Uint8Array): void {
    const { clock, turn } = this.#parts
    if (followed.frames.length > 0 && followed.frameBytes + frame.length > LIMITS.frameBytesMax) this.#write(followed)
    followed.frames.push(frame)
    followed.frameBytes += frame.length
    const isFull = followed.frames.length >= POSTS_OF_FULL_WRITE
    if (followed.planned === 'turn' || (followed.planned !== undefined && !isFull)) return
    const waitMs = isFull ? 0 : followed.pace.writeWaitMs(clock.monotonicMs(), followed.sessions.size)
    const write = (): void => {
      followed.planned = undefined
      this.#write(followed)
    }
    followed.planned?.cancel()
    if (waitMs === 0) {
      // What else comes in this turn goes with it, however full it is.
      followed.planned = 'turn'
      turn.defer(write)
    } else followed.planned = clock.after(waitMs, write)
  }

  #write(followed: Followed): void {
    const [first, ...more] = followed.frames
    followed.frames = []
    followed.frameBytes = 0
    // Its frames went with a full message; or the last follower went, and whoever came since was shown them in the first page.
    if (first === undefined || this.#followed.get(followed.channel) !== followed) return
    followed.pace.wrote(this.#parts.clock.monotonicMs(), followed.sessions.size, 1 + more.length)
    this.#parts.topics.publish(topicOf(followed.channel), more.length === 0 ? first : concatBytes(first, ...more))
  }

  async #flush(): Promise<void> {
    const { clock, bus } = this.#parts
    await withDeadline(clock, FLUSH_TIMEOUT_MS, 'flush bus', () => bus.flush())
  }

  #jitterMs(): number {
    const [high = 0, low = 0] = this.#parts.random.bytes(2)
    return HEAD_JITTER_MS * (high * 256 + low) / 65_536
  }
}

/** The topic of a channel at the sockets. */
function topicOf(channel: ConversationId): string {
  return channel
}

/** Where nodes publish the posts of a channel. */
function subjectOfChannel(channel: ConversationId): Subject {
  return subjectOf('evegram', 'channel', channel)
}
