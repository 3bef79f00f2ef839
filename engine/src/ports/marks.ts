import type { AccountId, ConversationId } from '@evegram/protocol'

/**
 * Which conversations got an envelope for an account in which hour: the index that makes resume cost what was missed.
 * An append names the inboxes that it marks (see `EnvelopeLog.append`): accounts, or the conversation itself where that is wide. A wide conversation has
 * one mark for all its members, and each of them a standing entry that says that it has to look at it.
 *
 * Durability: the mark of an append is durable before that append is acknowledged. `join` and `leave` are durable when resolved.
 * Completeness: `since` returns every conversation that has a mark of the account in an hour >= hour(sinceMs), and every one with a mark of its own
 * in such an hour that the account joined, unless it left before that hour; it may return more.
 * Duplicates: marking, joining and leaving twice change nothing.
 * Cost of `since`: what is marked, and one read for each wide conversation that the account is in, whatever the number of days.
 */
export interface Marks {
  /** Conversations of the account marked at or after the hour of `sinceMs`, each once, at most `limit`, those after `afterConversation` in id order. */
  since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]>
  /**
   * From now on the accounts find the conversation by its own mark. `version` is that of the membership that they belong to. What was written for a
   * higher version stands, and so does a `leave` of the same version.
   */
  join(conversation: ConversationId, accounts: readonly AccountId[], version: number): Promise<void>
  /** The accounts are not in version `version` of the membership: what comes after the hour of `untilMs` is nothing to them. What was written for a higher version stands. */
  leave(conversation: ConversationId, accounts: readonly AccountId[], version: number, untilMs: number): Promise<void>
  /** The wide conversations that the account joined and did not leave. */
  wideOf(account: AccountId): Promise<readonly ConversationId[]>
}

/** Milliseconds of the unit of marks. */
export const MARK_HOUR_MS = 3_600_000
