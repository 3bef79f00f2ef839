import {
  channelHeadOf, channelPostHash, decodeChannelPost, draftChannelPost, emptyHead, sealChannelPost,
  type ConversationId, type LogActor, type LogHead,
} from '@evegram/protocol'
import { readStamp } from '../measure/stamp.js'
import type { DriverConversation, SendEvents } from './driver.js'

/** Posts of one author that wait for the one before them: each names the hash of that. */
const QUEUED_POSTS_MAX = 1_000

/** What an author posts with. */
export interface ChannelAuthorParts {
  readonly channel: ConversationId
  readonly members: LogHead
  readonly actor: LogActor
  sign(bytes: Uint8Array): Uint8Array
  /** Resolves when the post is stored. */
  post(bytes: Uint8Array): Promise<void>
  readonly events: SendEvents
}

/** The author of a channel: signs one post after the other, each behind the answer to the one before. */
export class EvegramChannelAuthor implements DriverConversation {
  readonly #parts: ChannelAuthorParts
  readonly #queue: { readonly body: Uint8Array; readonly token: number }[] = []
  #isPosting = false
  #seq = 0
  #head: Uint8Array = emptyHead()

  constructor(parts: ChannelAuthorParts) {
    this.#parts = parts
  }

  send(payload: Uint8Array, token: number): void {
    if (this.#queue.length >= QUEUED_POSTS_MAX) {
      this.#parts.events.refused(token, 'generator: too many posts wait for the one before them')
      return
    }
    this.#queue.push({ body: Uint8Array.from(payload), token })
    if (!this.#isPosting) void this.#post()
  }

  async #post(): Promise<void> {
    const { channel, members, actor, events } = this.#parts
    this.#isPosting = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      try {
        const draft = draftChannelPost({ channel, seq: this.#seq, head: this.#head }, { author: actor, members, atMs: Date.now(), body: next.body })
        const bytes = sealChannelPost(draft, this.#parts.sign(channelPostHash(draft)))
        await this.#parts.post(bytes)
        this.#seq++
        this.#head = channelHeadOf(bytes)
        events.acknowledged(next.token)
      } catch (error) {
        events.refused(next.token, error instanceof Error ? error.message : String(error))
      }
    }
    this.#isPosting = false
  }
}

/** Finds the body in posts as they are pushed: the first one is decoded, the others have it at the same place before their end. */
export class FollowedPosts {
  readonly #payloadBytes: number
  #bodyBeforeEnd = 0

  constructor(payloadBytes: number) {
    this.#payloadBytes = payloadBytes
  }

  /** The body of an encoded post. Throws as `decodeChannelPost` for bytes that are no post. */
  bodyOf(post: Uint8Array): Uint8Array {
    const at = post.length - this.#bodyBeforeEnd
    const guess = post.subarray(at, at + this.#payloadBytes)
    if (readStamp(guess) !== undefined) return guess
    const { body } = decodeChannelPost(post)
    this.#bodyBeforeEnd = post.length - Buffer.from(post.buffer, post.byteOffset, post.byteLength).indexOf(body)
    return body
  }
}
