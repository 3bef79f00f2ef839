import type { ChannelPost, ChannelState, ConversationId } from '@evegram/protocol'

/**
 * Answer of {@link ChannelLog.append}. `appended`: all posts are stored under their numbers. `conflict`: the first `appended` of them are; under the number
 * of the next one another post stands, or what it follows is not stored. Of that one and those behind it nothing was written.
 */
export type ChannelAppendResult = { readonly status: 'appended' } | { readonly status: 'conflict'; readonly appended: number }

/** What whoever judged a post read of its bytes, and the state behind it. */
export interface JudgedPost {
  readonly post: ChannelPost
  readonly state: ChannelState
}

/**
 * The posts of channels: one dense chain of numbered posts per channel, each naming the head before it.
 *
 * Durability: a resolved append survives the loss of the process and of power. A rejected one (`unavailable.store`) has an unknown outcome: each post is
 * stored now, later or never, as a whole, and never without those before it.
 * Order: the number. Of posts that are appended after the same state at once exactly one is stored.
 * Duplicates: appending the same bytes after the same state again is answered `appended`, as long as the posts are kept, and stores nothing more. Posts of
 * which the first stand already are appended behind those.
 * Retention: old posts go, from the beginning of a channel on and never from its middle. Its state stays for ever, so that numbers never start again.
 * The store judges nothing but number and head: whether a post follows the rules is for `applyChannelPost`, before.
 * Cost: `head` does not grow with the length of the channel, nor `read` with what lies before `after`.
 */
export interface ChannelLog {
  /** The state behind the newest post; the empty one when nobody posted. Sees every append that resolved before the call. */
  head(channel: ConversationId): Promise<ChannelState>
  /**
   * Stores the encoded `posts` (one at least) as the numbers from `after.seq + 1` on together with the state behind the last, only if number `after.seq` with
   * the head of `after` is the newest (without posts: if there is none). The first names that head, each of the others the one before it: the caller checked it.
   * `judged`: what the caller read of each of them while it checked, so that a store need not read and hash them once more. The bytes may be reused once the
   * call returned.
   */
  append(after: ChannelState, posts: readonly Uint8Array[], judged?: readonly JudgedPost[]): Promise<ChannelAppendResult>
  /**
   * Encoded posts behind number `after` (exclusive), in order: at most `limit`, and as many as fit `LIMITS.pageBytesMax` together, but at least one where
   * there is one. They follow each other without a gap; the first is number `after + 1`, or a higher one when what lies before it went. Sees every append
   * that resolved before the call.
   */
  read(channel: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]>
  /**
   * Retention: from the beginning of each channel on, deletes the posts whose time (`atMs`) is before `beforeMs`, up to the first that is younger.
   * Returns how many went. Bounded work per call: call again while it returns > 0. A store whose posts expire by themselves deletes nothing and
   * returns 0: from then on this process does not read what should be gone, and the posts go when the time they were stored with is over.
   */
  trim(beforeMs: number): Promise<number>
}
