import type { ConversationId } from '@evegram/protocol'

/** A node that has live members of a wide conversation. */
export interface InterestEntry {
  readonly conversation: ConversationId
  /** Incarnation of the node. */
  readonly incarnation: number
  /** Rises with every registration of the node, so that one that takes effect late is not taken for a newer one. */
  readonly registration: number
}

/**
 * Which nodes have live members of which wide conversations: a send to one of them looks up one key, however many members there are.
 * Volatile, as `Presence` is: it may forget everything at any time, and never decides what is delivered in the end.
 * Failure: rejects with `unavailable.presence`; callers then publish to every node.
 */
export interface Interest {
  /** Registers unless an entry of this node with a higher registration stands. Entries end by themselves `ttlMs` after they were last registered or refreshed. */
  register(entries: readonly InterestEntry[], ttlMs: number): Promise<void>
  /** Extends entries that are exactly these. The answer says for each whether it was found; `absent` means register again, then catch up. */
  refresh(entries: readonly InterestEntry[], ttlMs: number): Promise<readonly ('found' | 'absent')[]>
  /** For each conversation the incarnations of the nodes that have live members of it. Never answered from a cache. */
  lookup(conversations: readonly ConversationId[]): Promise<readonly (readonly number[])[]>
}
