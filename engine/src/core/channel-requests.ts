import {
  applyChannelPost, CHANNEL_PAGE_POSTS_MAX, channelHeadOf, decodeChannelPost, decodeReadChannel, decodeUnfollow, encodeChannelHead, encodeChannelPage, encodeFrame,
  equalBytes, EvegramError, FRAME_TYPE, isEvegramError,
  type ChannelPage, type ChannelPost, type ChannelState, type Clock, type ConversationId, type Frame, type ReadChannel,
} from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { AccountDirectory } from '../ports/account-directory.js'
import { checkNewestLog, signingKeyOf } from './acting-device.js'
import type { ChannelLog } from '../ports/channel-log.js'
import type { Channels } from './channels.js'
import { leaseHolds, type ConversationLease, type Conversations } from './conversations.js'
import type { Gate } from './gate.js'
import type { Ed25519Verify } from './hello.js'
import type { EngineMetrics } from './metrics.js'
import type { PositionClock } from './position-clock.js'
import type { Session, SessionOwner } from './session.js'

/** Posts of one connection that are under way. Each names the one before it: an author has use for one at a time in each channel. */
export const POSTS_IN_FLIGHT_MAX = 16
/** Fresh answers about the authors that one post may cost: the first may not know it yet, or come too late. */
const LEASE_TRIES_MAX = 2
/** Advice to a client with too many posts under way. */
const QUEUE_RETRY_MS = 100

/** What requests about channels need. */
export interface ChannelRequestParts {
  readonly clock: Clock
  readonly positions: PositionClock
  readonly directory: AccountDirectory
  readonly conversations: Conversations
  readonly channelLog: ChannelLog
  readonly channels: Channels
  readonly gate: Gate
  readonly ed25519Verify: Ed25519Verify
  readonly metrics: EngineMetrics
  readonly logger: Logger
}

/**
 * Answers `post`, `follow`, `unfollow` and `readChannel`. A post: the authors and the head before it, all rules, store, publish, flush, answer.
 * Architecture invariants: an answer to a post follows the durable append and the broker flush (P1, rule 7); the authors it is judged by are held under a
 * lease when the append begins (rule 10); a follower is subscribed before its first page is read (rule 12).
 */
export class ChannelRequests {
  readonly #parts: ChannelRequestParts

  constructor(parts: ChannelRequestParts) {
    this.#parts = parts
  }

  /** Stores a post and gives it to the followers. Never rejects. Throws `invalid.*` or `too_large.channel_post` at once for bytes that are no post. */
  post(session: Session, owner: SessionOwner, frame: Frame): Promise<void> {
    // The frame is only valid during this call.
    const bytes = Uint8Array.from(frame.body)
    const post = decodeChannelPost(bytes)
    if (session.postsInFlight >= POSTS_IN_FLIGHT_MAX) {
      const code = 'limited.queue'
      session.fail(frame.correlation, { code, message: new EvegramError(code).advice, retryAfterMs: QUEUE_RETRY_MS })
      return Promise.resolve()
    }
    session.postsInFlight++
    return this.#answer(session, frame.correlation, async () => {
      if (post.author.account !== owner.account || post.author.device !== owner.device) throw new EvegramError('denied.sender', { operation: 'post' })
      const { channels } = this.#parts
      const lease = await this.#leaseOf(post.channel)
      const before = await this.#parts.channelLog.head(post.channel)
      const state = await this.#isStored(before, post, bytes) ? before : await this.#store(lease, before, post, bytes)
      // Also a post that was stored already: whoever comes again did not hear whether it was published.
      await channels.publish(post.channel, bytes)
      return headFrame(frame.correlation, state)
    }).finally(() => { session.postsInFlight-- })
  }

  /** From now on the session gets the posts of the channel; the answer is the first page of those before. Never rejects. Throws as the decoder does, at once. */
  follow(session: Session, frame: Frame): Promise<void> {
    const request = decodeReadChannel(frame.body)
    return this.#answer(session, frame.correlation, async () => {
      await this.#leaseOf(request.channel)
      await this.#parts.channels.follow(session, request.channel)
      return this.#page(frame.correlation, request)
    })
  }

  /** The session gets no more posts of the channel. Never rejects. Throws as the decoder does, at once. */
  unfollow(session: Session, frame: Frame): Promise<void> {
    const { channel } = decodeUnfollow(frame.body)
    this.#parts.channels.unfollow(session, channel)
    return this.#answer(session, frame.correlation, async () => headFrame(frame.correlation, await this.#parts.channelLog.head(channel)))
  }

  /** One page of a channel, for everybody who knows its id. Never rejects. Throws as the decoder does, at once. */
  read(session: Session, frame: Frame): Promise<void> {
    const request = decodeReadChannel(frame.body)
    return this.#answer(session, frame.correlation, async () => {
      await this.#leaseOf(request.channel)
      return this.#page(frame.correlation, request)
    })
  }

  async #leaseOf(channel: ConversationId, fresh = false): Promise<ConversationLease> {
    const lease = await this.#parts.conversations.lease(channel, fresh)
    if (lease?.kind !== 'channel') throw new EvegramError('not_found.conversation', { operation: 'look for channel' })
    return lease
  }

  /** An author that had no answer sends the same bytes again, and gets the answer that it missed. */
  async #isStored(state: ChannelState, post: ChannelPost, bytes: Uint8Array): Promise<boolean> {
    if (post.seq > state.seq) return false
    const [stored] = await this.#parts.channelLog.read(post.channel, post.seq - 1, 1)
    return stored !== undefined && equalBytes(stored, bytes)
  }

  async #store(leaseAtFirst: ConversationLease, before: ChannelState, post: ChannelPost, bytes: Uint8Array): Promise<ChannelState> {
    const { clock, positions, directory, channelLog, ed25519Verify, metrics } = this.#parts
    const author = await directory.summary(post.author.account)
    checkNewestLog(author, post.author)
    let lease = leaseAtFirst
    // An author or a device that was just added is not in a lease from before.
    for (let asked = 0; asked < LEASE_TRIES_MAX && !(leaseHolds(lease, clock.monotonicMs()) && knows(lease, post)); asked++) {
      lease = await this.#leaseOf(post.channel, true)
    }
    if (!leaseHolds(lease, clock.monotonicMs())) throw new EvegramError('unavailable.auth', { operation: 'post' })
    if (!lease.members.includes(post.author.account)) throw new EvegramError('denied.not_author', { operation: 'post' })
    if (post.members.seq !== lease.membershipVersion) throw new EvegramError('stale.membership', { operation: 'post' })
    const authors = lease
    const result = applyChannelPost(before, bytes, {
      primitives: { ed25519Verify, secp256k1Verify: () => false },
      signingKeyOf: (actor) => (authors.devices.has(actor.device) ? signingKeyOf(author, actor) : undefined), nowMs: positions.nowMs(), mode: 'server',
      // Followers compare the head: a post that names another one would stop them for good.
      isAuthor: (account, members) => authors.members.includes(account) && authors.logHead !== undefined && equalBytes(members.head, authors.logHead),
    })
    if (result.status === 'refused') throw new EvegramError(result.code, { operation: 'post', details: { reason: result.reason } })
    const appended = await channelLog.append(before, bytes)
    if (appended.status === 'conflict') throw new EvegramError('conflict.channel_head', { operation: 'post' })
    metrics.posts.add()
    return result.state
  }

  async #page(correlation: number, { channel, after }: ReadChannel): Promise<Uint8Array> {
    const { channelLog, gate } = this.#parts
    const page = await gate.run(async (): Promise<ChannelPage> => {
      // The head first: posts that it names and that are not there are older than the retention, and so never one that came in between.
      const { seq, head } = await channelLog.head(channel)
      const posts = await channelLog.read(channel, after, CHANNEL_PAGE_POSTS_MAX)
      const last = posts.at(-1)
      const lastSeq = last === undefined ? 0 : decodeChannelPost(last).seq
      return last !== undefined && lastSeq > seq ? { channel, seq: lastSeq, head: channelHeadOf(last), posts } : { channel, seq, head, posts }
    })
    return encodeFrame(FRAME_TYPE.channelPage, correlation, encodeChannelPage(page))
  }

  async #answer(session: Session, correlation: number, work: () => Promise<Uint8Array>): Promise<void> {
    try {
      session.out.frame(await work())
    } catch (failure) {
      const code = isEvegramError(failure) ? failure.code : 'internal'
      if (code === 'internal') this.#parts.logger.error({ err: failure }, 'a request about a channel failed')
      session.fail(correlation, { code, message: new EvegramError(code).advice })
    }
  }
}

/** Whether the lease is as new as what the post was made with. */
function knows(lease: ConversationLease, { author, members }: ChannelPost): boolean {
  return lease.members.includes(author.account) && lease.devices.has(author.device) && members.seq <= lease.membershipVersion
}

function headFrame(correlation: number, { channel, seq, head }: ChannelState): Uint8Array {
  return encodeFrame(FRAME_TYPE.channelHead, correlation, encodeChannelHead({ channel, seq, head }))
}
