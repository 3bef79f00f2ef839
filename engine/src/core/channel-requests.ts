import {
  CHANNEL_PAGE_POSTS_MAX, channelHeadOf, decodeChannelPost, decodeReadChannel, decodeUnfollow, encodeChannelHead, encodeChannelPage, encodeFrame,
  EvegramError, FRAME_TYPE, isEvegramError,
  type ChannelPage, type ChannelState, type ConversationId, type Frame, type ReadChannel,
} from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { ChannelLog } from '../ports/channel-log.js'
import type { ChannelWriter } from './channel-writer.js'
import type { Channels } from './channels.js'
import type { Conversations } from './conversations.js'
import type { Gate } from './gate.js'
import type { Session, SessionOwner } from './session.js'

/** Posts of one connection that are under way. Each may be signed upon the one before it, before that one is answered. */
export const POSTS_IN_FLIGHT_MAX = 16
/** Advice to a client with too many posts under way. */
const QUEUE_RETRY_MS = 100

/** What requests about channels need. */
export interface ChannelRequestParts {
  readonly conversations: Conversations
  readonly channelLog: ChannelLog
  readonly channels: Channels
  readonly writer: ChannelWriter
  readonly gate: Gate
  readonly logger: Logger
}

/**
 * Answers `post`, `follow`, `unfollow` and `readChannel`. A post: the authors and the head before it, all rules, store, publish, flush (`ChannelWriter`), answer.
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
    const bytes = new Uint8Array(frame.body)
    const post = decodeChannelPost(bytes)
    if (session.postsInFlight >= POSTS_IN_FLIGHT_MAX) {
      const code = 'limited.queue'
      session.fail(frame.correlation, { code, message: new EvegramError(code).advice, retryAfterMs: QUEUE_RETRY_MS })
      return Promise.resolve()
    }
    session.postsInFlight++
    return this.#answer(session, frame.correlation, async () => {
      if (post.author.account !== owner.account || post.author.device !== owner.device) throw new EvegramError('denied.sender', { operation: 'post' })
      return headFrame(frame.correlation, await this.#parts.writer.write(post, bytes))
    }).finally(() => { session.postsInFlight-- })
  }

  /** From now on the session gets the posts of the channel; the answer is the first page of those before. Never rejects. Throws as the decoder does, at once. */
  follow(session: Session, frame: Frame): Promise<void> {
    const request = decodeReadChannel(frame.body)
    return this.#answer(session, frame.correlation, async () => {
      await this.#checkChannel(request.channel)
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
      await this.#checkChannel(request.channel)
      return this.#page(frame.correlation, request)
    })
  }

  async #checkChannel(channel: ConversationId): Promise<void> {
    const lease = await this.#parts.conversations.lease(channel)
    if (lease?.kind !== 'channel') throw new EvegramError('not_found.conversation', { operation: 'look for channel' })
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

function headFrame(correlation: number, { channel, seq, head }: ChannelState): Uint8Array {
  return encodeFrame(FRAME_TYPE.channelHead, correlation, encodeChannelHead({ channel, seq, head }))
}
