import type { ChannelState, ConversationId } from '@evegram/protocol'

/**
 * Answer of {@link ChannelLog.append}. `appended`: the post is stored under its number. `conflict`: another post stands under that number, or what it
 * follows is not stored; nothing was written.
 */
export type ChannelAppendResult = { readonly status: 'appended' } | { readonly status: 'conflict' }

/**
 * The posts of channels: one dense chain of numbered posts per channel, each naming the head before it.
 *
 * Durability: a resolved append survives the loss of the process and of power. A rejected one (`unavailable.store`) has an unknown outcome: the post is
 * stored now, later or never, and as a whole.
 * Order: the number. Of posts that are appended after the same state at once exactly one is stored.
 * Duplicates: appending the same bytes after the same state again is answered `appended`, as long as the post is kept, and stores nothing more.
 * Retention: old posts go, from the beginning of a channel on and never from its middle. Its state stays for ever, so that numbers never start again.
 * The store judges nothing but number and head: whether a post follows the rules is for `applyChannelPost`, before.
 * Cost: `head` does not grow with the length of the channel, nor `read` with what lies before `after`.
 */
export interface ChannelLog {
  /** The state behind the newest post; the empty one when nobody posted. Sees every append that resolved before the call. */
  head(channel: ConversationId): Promise<ChannelState>
  /**
   * Stores the encoded `post` as number `after.seq + 1` together with the state behind it, only if number `after.seq` with the head of `after` is the
   * newest (without posts: if there is none). `post` is number `after.seq + 1` of that channel and names that head: the caller checked it.
   */
  append(after: ChannelState, post: Uint8Array): Promise<ChannelAppendResult>
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
