import {
  channelHeadOf, channelPostHash, draftChannelPost, emptyHead, sealChannelPost,
  type ChannelState, type ConversationId, type LogActor, type LogHead,
} from '@evegram/protocol'
import type { DriverConversation, SendEvents } from './driver.js'

/** Posts of one author that wait for room; more are refused as the generator's. */
const QUEUED_POSTS_MAX = 1_000
/** Posts of one author without an answer: as many as the server takes of one connection. */
const POSTS_UNDER_WAY_MAX = 16

/** What an author posts with. */
export interface ChannelAuthorParts {
  readonly channel: ConversationId
  readonly members: LogHead
  readonly actor: LogActor
  sign(bytes: Uint8Array): Uint8Array
  /** Resolves when the post is stored. What is given in one turn leaves together. */
  post(bytes: Uint8Array): Promise<void>
  /** Where the channel ends at the server. */
  head(): Promise<Pick<ChannelState, 'seq' | 'head'>>
  readonly events: SendEvents
}

/**
 * The author of a channel: signs each post upon the one before it, without waiting for the answer to that. When one is refused, those behind it follow
 * nothing and are refused too; then it asks where the channel ends, and goes on from there.
 */
export class EvegramChannelAuthor implements DriverConversation {
  readonly #parts: ChannelAuthorParts
  readonly #queue: { readonly body: Uint8Array; readonly token: number }[] = []
  #underWay = 0
  #isBroken = false
  #seq = 0
  #head: Uint8Array = emptyHead()

  constructor(parts: ChannelAuthorParts) {
    this.#parts = parts
  }

  send(payload: Uint8Array, token: number): void {
    if (this.#queue.length >= QUEUED_POSTS_MAX) {
      this.#parts.events.refused(token, 'generator: too many posts wait for those before them')
      return
    }
    this.#queue.push({ body: Uint8Array.from(payload), token })
    this.#fill()
  }

  #fill(): void {
    while (!this.#isBroken && this.#underWay < POSTS_UNDER_WAY_MAX) {
      const next = this.#queue.shift()
      if (next === undefined) return
      void this.#post(next.body, next.token)
    }
  }

  /** Never rejects: what goes wrong is an event. */
  async #post(body: Uint8Array, token: number): Promise<void> {
    const { channel, members, actor, events } = this.#parts
    this.#underWay++
    try {
      const draft = draftChannelPost({ channel, seq: this.#seq, head: this.#head }, { author: actor, members, atMs: Date.now(), body })
      const bytes = sealChannelPost(draft, this.#parts.sign(channelPostHash(draft)))
      this.#seq++
      this.#head = channelHeadOf(bytes)
      await this.#parts.post(bytes)
      events.acknowledged(token)
    } catch (error) {
      this.#isBroken = true
      events.refused(token, reasonOf(error))
    }
    this.#underWay--
    if (this.#isBroken && this.#underWay === 0) await this.#mend()
    this.#fill()
  }

  async #mend(): Promise<void> {
    try {
      const { seq, head } = await this.#parts.head()
      this.#seq = seq
      this.#head = head
      this.#isBroken = false
    } catch (error) {
      // Nothing can be signed any more: whatever waits is told so.
      for (const { token } of this.#queue.splice(0)) this.#parts.events.refused(token, reasonOf(error))
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
