import type { ConversationId, Position } from '@evegram/protocol'

/** The identity of a message inside one conversation, as it stands in the encoded envelope: device (16), epoch (u32), number (u64). */
export interface AppendRequest {
  readonly conversation: ConversationId
  /** The encoded envelope. The log keeps these bytes and never changes them. */
  readonly envelope: Uint8Array
  /** Where the calling node wants it; unique per node incarnation. */
  readonly position: Position
  /**
   * The conversation is wide: a log may spread what many nodes append to it at once. Nothing depends on it: a node that does not know yet that a
   * conversation is wide appends without, and `read` gives everything in one order.
   */
  readonly wide?: boolean
}

/**
 * What became of an append:
 * `stored` at the asked position; `exists`: a byte-identical copy is stored already and visible to every reader (only logs whose commit
 * is atomically visible may answer this), at the position given, which is at most {@link EXISTS_WITHIN_MS} before the one that was asked.
 */
export type AppendResult =
  | { readonly status: 'stored'; readonly position: Position }
  | { readonly status: 'exists'; readonly position: Position }

/** One append of many, with the inboxes that it marks. */
export interface BatchedAppend extends AppendRequest {
  readonly inboxes: readonly string[]
}

/** What became of one append of many: `failed` is what a single one would have been rejected with. */
export type BatchedResult = AppendResult | { readonly status: 'failed'; readonly failure: unknown }

/**
 * How far back a copy may lie that answers a retry. One that lies further back may have been stored long after its position (its node slept in
 * between), when cursors had passed it already: a new copy is stored. Below the overlap of cursors, with room for the deadline.
 */
export const EXISTS_WITHIN_MS = 30_000

/** One stored copy. */
export interface StoredEnvelope {
  readonly position: Position
  readonly envelope: Uint8Array
}

/**
 * Append-only log of conversations.
 *
 * Durability: a resolved append survives the loss of the process and of power (quorum or synced commit). A rejected append
 * (`unavailable.envelope_log`) has an unknown outcome: the envelope may be stored, now or later, at the position that was asked. One that is rejected
 * `limited.queue` was not stored: more comes at once than the log takes.
 * Order: `read` returns copies in position order. Concurrent appends never overwrite each other: message and position are both in the key.
 * Duplicates: the same message may be stored several times (retries, with the same or with more bodies); readers dedupe by message.
 * Cost: `read` costs what it returns, not the length of the log or the number of days.
 * Marks: for each inbox of `inboxes` the log makes the mark (inbox, conversation, hour of the position) durable no later
 * than the append resolves, in the same commit where the store allows it. An inbox is an account, or the conversation itself when it is wide. See
 * {@link Marks}.
 */
export interface EnvelopeLog {
  /**
   * Appends become durable, visible and are told in the order in which they were asked for, and one that fails on the disk takes with it all that were asked
   * for before it was told: nothing of a device is stored before what it sent earlier, however many of its appends are under way. Where this is not said the
   * caller waits for one append of a device before it asks for the next.
   */
  readonly keepsOrder?: boolean
  append(request: AppendRequest, inboxes: readonly string[]): Promise<AppendResult>
  /**
   * Many appends, each with every promise of {@link EnvelopeLog.append} and an end of its own: one that fails or takes long does not hold the others up.
   * `ended` hears of each exactly once, by its place in `appends`, never before this call returned; of what one commit made durable in one go.
   */
  appendAll(appends: readonly BatchedAppend[], ended: (index: number, result: BatchedResult) => void): void
  /** Copies behind `after` (exclusive), at most `limit`, oldest first. Sees every append that resolved before the call. */
  read(conversation: ConversationId, after: Position, limit: number): Promise<readonly StoredEnvelope[]>
  /**
   * Deletes what is older than the hour of `beforeMs`, nothing younger than `beforeMs` (retention). Returns how many copies went. Bounded work per
   * call: call again while it returns > 0. A store whose copies expire by themselves deletes nothing and returns 0: from then on this process does
   * not read what should be gone, and the copies go when the time they were stored with is over.
   */
  trim(beforeMs: number): Promise<number>
}
