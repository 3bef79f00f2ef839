import { decodeChannelPost, type ChannelPage, type ConversationId } from '@evegram/protocol'
import { readStamp } from '../measure/stamp.js'

/** Posts that wait for those before them while these are read; one more, and what there is goes on without them. */
const HELD_POSTS_MAX = 4_096
/** Reads without a post that was looked for, before it is given up as lost. */
const EMPTY_READS_MAX = 3
/** A head may be told before the posts up to it come: time for them. */
const HEAD_GRACE_MS = 1_000

/** What following needs. */
export interface FollowedPostsParts {
  readonly payloadBytes: number
  /** The body of a post, in the order of the channel. The bytes are valid during the call alone. */
  readonly delivered: (body: Uint8Array) => void
  /** A page of the posts behind a number, as the server has them. */
  readonly read: (channel: ConversationId, after: number) => Promise<ChannelPage>
}

/** One channel that this client follows. */
interface Followed {
  readonly channel: ConversationId
  /** Up to here everything was delivered. */
  seq: number
  /** Number in the stamp of the last post. */
  number: number
  /** Pushes that came while what is before them is read: copies. */
  held: { readonly seq: number; readonly body: Uint8Array; readonly number: number }[] | undefined
  /** Posts that were read and whose push may come yet. */
  readonly read: Set<number>
}

/**
 * The posts of the channels that one client follows, as the SDK has them: a push is a hint, which the server may leave out, so what is missing between two
 * pushes, or up to a head that was told, is read. The first post of a channel is decoded; while the stamps of others rise by one, their bodies lie where its lay.
 */
export class FollowedPosts {
  readonly #parts: FollowedPostsParts
  readonly #byChannel = new Map<ConversationId, Followed>()
  /** By the stream that the stamps of a channel name: a channel has one author here. */
  readonly #byStream = new Map<number, Followed>()
  #bodyBeforeEnd = 0

  constructor(parts: FollowedPostsParts) {
    this.#parts = parts
  }

  /** The client follows from the post behind `seq` on. */
  follow(channel: ConversationId, seq: number): void {
    if (!this.#byChannel.has(channel)) this.#byChannel.set(channel, { channel, seq, number: -1, held: undefined, read: new Set() })
  }

  /** A post was pushed. Throws as `decodeChannelPost` for bytes that are no post. */
  pushed(post: Uint8Array): void {
    const at = post.length - this.#bodyBeforeEnd
    const guess = post.subarray(at, at + this.#parts.payloadBytes)
    const stamp = readStamp(guess)
    const known = stamp === undefined ? undefined : this.#byStream.get(stamp.stream)
    if (stamp !== undefined && known !== undefined && known.held === undefined && known.read.size === 0 && stamp.number === known.number + 1) {
      known.number++
      known.seq++
      this.#parts.delivered(guess)
      return
    }
    const { channel, seq, body } = decodeChannelPost(post)
    this.#bodyBeforeEnd = post.length - Buffer.from(post.buffer, post.byteOffset, post.byteLength).indexOf(body)
    // Pushes may be there before the answer to following.
    this.follow(channel, seq - 1)
    const followed = this.#byChannel.get(channel)
    if (followed === undefined || followed.read.delete(seq)) return
    // Pushes come in their order: those before this one were left out for good.
    for (const one of followed.read) if (one < seq) followed.read.delete(one)
    const number = readStamp(body)?.number ?? -1
    if (followed.held !== undefined) followed.held.push({ seq, body: Uint8Array.from(body), number })
    else if (seq <= followed.seq + 1) this.#deliver(followed, seq, body, number)
    else {
      followed.held = [{ seq, body: Uint8Array.from(body), number }]
      void this.#fill(followed)
    }
  }

  /** The server told where a channel ends: what did not come by then, a moment later, was left out. */
  told(channel: ConversationId, seq: number): void {
    const followed = this.#byChannel.get(channel)
    if (followed === undefined || followed.seq >= seq) return
    setTimeout(() => {
      if (followed.held !== undefined || followed.seq >= seq) return
      followed.held = []
      void this.#fill(followed, seq)
    }, HEAD_GRACE_MS)
  }

  #deliver(followed: Followed, seq: number, body: Uint8Array, number: number): void {
    followed.seq = Math.max(followed.seq, seq)
    followed.number = number
    const stamp = readStamp(body)
    if (stamp !== undefined) this.#byStream.set(stamp.stream, followed)
    this.#parts.delivered(body)
  }

  /** Reads what lacks before the pushes that are held, or up to `upTo`, and goes on. Never rejects: a read that failed leaves a gap, which is counted as lost. */
  async #fill(followed: Followed, upTo = 0): Promise<void> {
    const held = followed.held ?? []
    for (let empty = 0; empty < EMPTY_READS_MAX && held.length < HELD_POSTS_MAX && followed.seq + 1 < Math.max(upTo + 1, held[0]?.seq ?? 0);) {
      const before = followed.seq
      try {
        for (const post of (await this.#parts.read(followed.channel, before)).posts) {
          const { seq, body } = decodeChannelPost(post)
          if (seq <= followed.seq) continue
          followed.read.add(seq)
          this.#deliver(followed, seq, body, readStamp(body)?.number ?? -1)
        }
      } catch {
        // The connection ended, or the server had no time: the next try, or the count of what is lost, says so.
      }
      empty = followed.seq === before ? empty + 1 : 0
    }
    followed.held = undefined
    // Those that were read have their push here.
    for (const { seq, body, number } of held) if (!followed.read.delete(seq)) this.#deliver(followed, seq, body, number)
  }
}
