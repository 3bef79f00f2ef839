import type { AccountId, ConversationId, GroupState } from '@evegram/protocol'

/** A direct conversation: two accounts, or one with itself, for ever. */
export interface DirectMembership {
  readonly conversation: ConversationId
  readonly kind: 'direct'
  /** A direct conversation stays at 1. */
  readonly version: number
  /** In ascending order; one for notes to oneself. */
  readonly members: readonly AccountId[]
}

/** A group at one version: what its membership log says behind the entry of that number. */
export interface GroupMembership {
  readonly conversation: ConversationId
  readonly kind: 'group'
  /** Number of the newest entry: rises by one with every change. */
  readonly version: number
  /** In ascending order; none once everybody left. */
  readonly members: readonly AccountId[]
  /** The whole state, from which the next entry is judged. */
  readonly group: GroupState
  /**
   * Marks and interest go by conversation instead of by member. Decided by the change that made the members too many, and so for ever: whoever reads
   * this knows that the entries of `Marks.join` are there.
   */
  readonly wide: boolean
}

/** The members of a conversation at one version. */
export type MembershipState = DirectMembership | GroupMembership

/** Answer of {@link Membership.changeGroup}. `conflict`: the stored version is not the one before; nothing was written. */
export type GroupChangeResult = { readonly status: 'stored' } | { readonly status: 'conflict' }

/** Who belongs to a conversation. Changes are conditional writes; reads see every change that resolved before (linearizable). */
export interface Membership {
  /** Undefined when nobody opened or founded the conversation. */
  get(conversation: ConversationId): Promise<MembershipState | undefined>
  /** Creates the direct conversation of the two accounts or returns the one that stands. Durable when resolved. Idempotent. */
  openDirect(one: AccountId, other: AccountId): Promise<DirectMembership>
  /**
   * Stores `entry` as number `next.version` of the group's log together with the state behind it, only if the stored version is `next.version - 1`
   * (for version 1: if nothing is stored under the id). Of changes at once exactly one is stored. Durable, and seen by every read that begins later, when
   * resolved. Rejects `unavailable.store` when the outcome is not known; then `entry` is stored now, later or never, and as a whole.
   */
  changeGroup(next: GroupMembership, entry: Uint8Array): Promise<GroupChangeResult>
  /** Encoded entries of a group in order, behind number `after`, at most `limit`. Empty for what is no group. */
  groupEntries(conversation: ConversationId, after: number, limit: number): Promise<readonly Uint8Array[]>
}
