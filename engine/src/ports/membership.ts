import type { AccountId, ConversationId } from '@evegram/protocol'

/** The members of a conversation at one version. */
export interface MembershipState {
  readonly conversation: ConversationId
  readonly kind: 'direct'
  /** Rises by one with every change; a direct conversation stays at 1. */
  readonly version: number
  /** In ascending order; one for notes to oneself. */
  readonly members: readonly AccountId[]
}

/** Who belongs to a conversation. Changes are conditional writes; reads see every change that resolved before (linearizable). */
export interface Membership {
  /** Undefined when nobody opened the conversation. */
  get(conversation: ConversationId): Promise<MembershipState | undefined>
  /** Creates the direct conversation of the two accounts or returns the one that stands. Durable when resolved. Idempotent. */
  openDirect(one: AccountId, other: AccountId): Promise<MembershipState>
}
