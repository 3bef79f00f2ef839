import {
  applyDecodedPost, equalBytes, EvegramError, isEvegramError, LIMITS,
  type AccountId, type ChannelPost, type ChannelState, type Clock, type ConversationId, type Timer,
} from '@evegram/protocol'
import { nodeSha256 } from '@evegram/platform'
import type { AccountDirectory, AccountSummary } from '../ports/account-directory.js'
import type { ChannelLog } from '../ports/channel-log.js'
import type { Turn } from '../ports/turn.js'
import { checkNewestLog, signingKeyOf } from './acting-device.js'
import type { Channels } from './channels.js'
import { leaseHolds, type ConversationLease, type Conversations } from './conversations.js'
import type { Ed25519Verify } from './hello.js'
import type { EngineMetrics } from './metrics.js'
import type { PositionClock } from './position-clock.js'

/** Posts of one channel that wait for the append before theirs; more are refused with `limited.queue`. */
const WAITING_POSTS_MAX = 1_024
/** Posts of one append. */
const APPEND_POSTS_MAX = 64
/** Bytes of the posts of one append, of which there is one at least. */
const APPEND_BYTES_MAX = LIMITS.pageBytesMax
/** Fresh answers about the authors that the posts of one append may cost: the first may not know them yet, or come too late. */
const LEASE_TRIES_MAX = 2

/** What writing posts needs. */
export interface ChannelWriterParts {
  readonly clock: Clock
  readonly turn: Turn
  readonly positions: PositionClock
  readonly directory: AccountDirectory
  readonly conversations: Conversations
  readonly channelLog: ChannelLog
  readonly channels: Pick<Channels, 'publish' | 'gatherMs' | 'gathered'>
  readonly ed25519Verify: Ed25519Verify
  readonly metrics: EngineMetrics
}

/** A post that nobody was answered about yet. */
interface Waiting {
  readonly post: ChannelPost
  readonly bytes: Uint8Array
  readonly resolve: (state: ChannelState) => void
  readonly reject: (failure: unknown) => void
}

/** The posts of one channel. */
interface Lane {
  /** Those that wait for the next append. */
  readonly posts: Waiting[]
  /** They wait for others: see {@link Channels.gatherMs}. */
  gathering: Timer | undefined
}

/** A post whose turn it is, with the state behind it; `waiting`: who asked, and who asked with the same bytes. */
interface Accepted {
  readonly bytes: Uint8Array
  readonly post: ChannelPost
  readonly state: ChannelState
  readonly waiting: Waiting[]
}

/**
 * Stores the posts of channels and gives them to the followers. All posts of a channel that are ready in one turn, that come while an append is under way, or
 * while they could not be shown yet, share the next append: each is judged behind the one before it, so an author may sign a post upon one that has no answer
 * yet. When one is refused, those that were signed upon it follow nothing, and are refused as `conflict.channel_head`.
 */
export class ChannelWriter {
  readonly #parts: ChannelWriterParts
  /** Channels whose posts are being written, with those that wait. */
  readonly #lanes = new Map<ConversationId, Lane>()

  constructor(parts: ChannelWriterParts) {
    this.#parts = parts
  }

  /**
   * Resolves with the state behind the post: it is durable, and the broker has it. Of posts of one channel the first that was given is judged first.
   * Rejects with the code of the rule that it breaks, `conflict.channel_head`, `limited.queue`, `unavailable.*`, `timeout`.
   */
  write(post: ChannelPost, bytes: Uint8Array): Promise<ChannelState> {
    const { channel } = post
    const standing = this.#lanes.get(channel)
    if (standing !== undefined && standing.posts.length >= WAITING_POSTS_MAX) return Promise.reject(new EvegramError('limited.queue', { operation: 'post' }))
    return new Promise((resolve, reject) => {
      const lane = standing ?? { posts: [], gathering: undefined }
      lane.posts.push({ post, bytes, resolve, reject })
      if (standing === undefined) {
        this.#lanes.set(channel, lane)
        // What else is ready in this turn shares the first append.
        this.#parts.turn.defer(() => { if (!this.#gathers(channel, lane)) void this.#work(channel, lane) })
      } else if (lane.gathering !== undefined && this.#parts.channels.gatherMs(channel, lane.posts.length) === 0) {
        lane.gathering.cancel()
        lane.gathering = undefined
        this.#parts.turn.defer(() => { void this.#work(channel, lane) })
      }
    })
  }

  /** Whether the posts of the lane wait for others; then it goes on by itself. */
  #gathers(channel: ConversationId, lane: Lane): boolean {
    const { clock, channels } = this.#parts
    const waitMs = channels.gatherMs(channel, lane.posts.length)
    if (waitMs === 0) return false
    lane.gathering = clock.after(waitMs, () => {
      lane.gathering = undefined
      channels.gathered(channel, lane.posts.length, waitMs)
      void this.#work(channel, lane)
    })
    return true
  }

  /** Writes until nothing waits but for others. Never rejects: every failure goes to the posts that it concerns. */
  async #work(channel: ConversationId, lane: Lane): Promise<void> {
    do {
      const batch = takeBatch(lane.posts)
      try {
        await this.#writeBatch(channel, batch)
      } catch (failure) {
        for (const { reject } of batch) reject(failure)
      }
    } while (lane.posts.length > 0 && !this.#gathers(channel, lane))
    if (lane.posts.length === 0) this.#lanes.delete(channel)
  }

  async #writeBatch(channel: ConversationId, batch: readonly Waiting[]): Promise<void> {
    const first = await this.#leaseOf(channel)
    const before = await this.#parts.channelLog.head(channel)
    const fresh = await this.#withoutStored(before, batch)
    if (fresh.length === 0) return
    await this.#append(first, before, fresh)
  }

  /** Answers those whose post was stored before. An author that had no answer sends the same bytes again, and did not hear whether they were published. */
  async #withoutStored(before: ChannelState, batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const fresh: Waiting[] = []
    for (const waiting of batch) {
      const { post, bytes } = waiting
      const [stored] = post.seq > before.seq ? [] : await this.#parts.channelLog.read(post.channel, post.seq - 1, 1)
      if (stored !== undefined && equalBytes(stored, bytes)) void this.#publish([{ bytes, post, state: before, waiting: [waiting] }])
      else fresh.push(waiting)
    }
    return fresh
  }

  async #append(leaseAtFirst: ConversationLease, before: ChannelState, fresh: readonly Waiting[]): Promise<void> {
    const { clock, channelLog, metrics } = this.#parts
    const authors = await this.#authorsOf(fresh)
    let lease = leaseAtFirst
    // An author or a device that was just added is not in a lease from before.
    for (let asked = 0; asked < LEASE_TRIES_MAX && !(leaseHolds(lease, clock.monotonicMs()) && fresh.every(({ post }) => knows(lease, post))); asked++) {
      lease = await this.#leaseOf(before.channel, true)
    }
    const accepted = this.#judge(lease, authors, before, fresh)
    if (accepted.length === 0) return
    if (!leaseHolds(lease, clock.monotonicMs())) throw new EvegramError('unavailable.auth', { operation: 'post' })
    const appended = await channelLog.append(before, accepted.map(({ bytes }) => bytes), accepted)
    const count = appended.status === 'appended' ? accepted.length : appended.appended
    for (const { waiting } of accepted.slice(count)) for (const { reject } of waiting) reject(new EvegramError('conflict.channel_head', { operation: 'post' }))
    metrics.posts.add(count)
    // What waits need not wait for the broker too.
    void this.#publish(accepted.slice(0, count))
  }

  /** The posts that may be stored, each behind the one before it; the others are answered. */
  #judge(lease: ConversationLease, authors: ReadonlyMap<AccountId, AccountSummary | EvegramError | undefined>, before: ChannelState, fresh: readonly Waiting[]): readonly Accepted[] {
    const accepted: Accepted[] = []
    for (const waiting of fresh) {
      const { post, bytes } = waiting
      const same = accepted[post.seq - before.seq - 1]
      if (same !== undefined && equalBytes(same.bytes, bytes)) {
        same.waiting.push(waiting)
        continue
      }
      try {
        const author = authors.get(post.author.account)
        if (isEvegramError(author)) throw author
        accepted.push({ bytes, post, state: this.#stateBehind(accepted.at(-1)?.state ?? before, { lease, author, post, bytes }), waiting: [waiting] })
      } catch (failure) {
        waiting.reject(failure)
      }
    }
    return accepted
  }

  #stateBehind(
    before: ChannelState, { lease, author, post, bytes }: { readonly lease: ConversationLease; readonly author: AccountSummary | undefined; readonly post: ChannelPost; readonly bytes: Uint8Array },
  ): ChannelState {
    const { positions, ed25519Verify } = this.#parts
    checkNewestLog(author, post.author)
    if (!lease.members.includes(post.author.account)) throw new EvegramError('denied.not_author', { operation: 'post' })
    if (post.members.seq !== lease.membershipVersion) throw new EvegramError('stale.membership', { operation: 'post' })
    const result = applyDecodedPost(before, post, bytes, {
      primitives: { ed25519Verify, secp256k1Verify: () => false, sha256: nodeSha256 },
      signingKeyOf: (actor) => (lease.devices.has(actor.device) ? signingKeyOf(author, actor) : undefined), nowMs: positions.nowMs(), mode: 'server',
      // Followers compare the head: a post that names another one would stop them for good.
      isAuthor: (account, members) => lease.members.includes(account) && lease.logHead !== undefined && equalBytes(members.head, lease.logHead),
    })
    if (result.status === 'refused') throw new EvegramError(result.code, { operation: 'post', details: { reason: result.reason } })
    return result.state
  }

  /** Gives stored posts to the followers, and answers. Never rejects. */
  async #publish(posts: readonly Accepted[]): Promise<void> {
    const [first] = posts
    if (first === undefined) return
    const waiting = posts.flatMap((post) => post.waiting.map((one) => ({ ...one, state: post.state })))
    try {
      await this.#parts.channels.publish(first.state.channel, posts.map(({ bytes }) => bytes))
      for (const { resolve, state } of waiting) resolve(state)
    } catch (failure) {
      for (const { reject } of waiting) reject(failure)
    }
  }

  /** What the directory says of each author, or why it says nothing: that is for the posts of this author. */
  async #authorsOf(fresh: readonly Waiting[]): Promise<ReadonlyMap<AccountId, AccountSummary | EvegramError | undefined>> {
    const accounts = [...new Set(fresh.map(({ post }) => post.author.account))]
    const summaries = await Promise.all(accounts.map(async (account) => this.#parts.directory.summary(account).catch((failure: unknown) => {
      if (isEvegramError(failure)) return failure
      throw failure
    })))
    return new Map(accounts.map((account, index) => [account, summaries[index]]))
  }

  async #leaseOf(channel: ConversationId, fresh = false): Promise<ConversationLease> {
    const lease = await this.#parts.conversations.lease(channel, fresh)
    if (lease?.kind !== 'channel') throw new EvegramError('not_found.conversation', { operation: 'look for channel' })
    return lease
  }
}

/** The posts of the next append; they wait no more. */
function takeBatch(lane: Waiting[]): readonly Waiting[] {
  let [count, bytes] = [0, 0]
  for (const waiting of lane) {
    bytes += waiting.bytes.length
    if (count === APPEND_POSTS_MAX || (count > 0 && bytes > APPEND_BYTES_MAX)) break
    count++
  }
  return lane.splice(0, count)
}

/** Whether the lease is as new as what the post was made with. */
function knows(lease: ConversationLease, { author, members }: ChannelPost): boolean {
  return lease.members.includes(author.account) && lease.devices.has(author.device) && members.seq <= lease.membershipVersion
}
