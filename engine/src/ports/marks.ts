import type { AccountId, ConversationId } from '@evegram/protocol'

/**
 * Which conversations got an envelope for an account in which hour: the index that makes resume cost what was missed.
 *
 * Durability: the mark of an append is durable before that append is acknowledged (see `EnvelopeLog.append`).
 * Completeness: `since` returns every conversation that has a mark in an hour >= hour(sinceMs); it may return more.
 * Duplicates: marking twice changes nothing.
 */
export interface Marks {
  /** Conversations of the account marked at or after the hour of `sinceMs`, each once, at most `limit`, those after `afterConversation` in id order. */
  since(account: AccountId, sinceMs: number, limit: number, afterConversation?: ConversationId): Promise<readonly ConversationId[]>
}

/** Milliseconds of the unit of marks. */
export const MARK_HOUR_MS = 3_600_000
