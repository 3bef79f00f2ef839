import { sha256 } from '@noble/hashes/sha2.js'
import { emptyHead } from './account-log-entry.js'
import type { LogHead } from './account-log-extends.js'
import { lengthPrefixed, uint64Of } from './bytes.js'
import { idBytes, type AccountId, type ConversationId } from './ids.js'
import type { GroupRole } from './membership-log-entry.js'

/** A member of a group. */
export interface GroupMember {
  readonly role: GroupRole
  /** Entry that added the account last. */
  readonly joinedSeq: number
}

/** Whose log it is: everybody in a group reads and writes; the members of a channel write, and whoever has its link reads. */
export type GroupKind = 'group' | 'channel'

/** What a membership log says up to entry `seq`. Immutable: every entry gives a new state. */
export interface GroupState {
  readonly conversation: ConversationId
  /** As the first entry says; `group` without entries. */
  readonly kind: GroupKind
  /** Number of the last entry, 0 without entries: the version of the membership. */
  readonly seq: number
  /** Head behind that entry, 32 bytes; zeros without entries. */
  readonly head: Uint8Array
  readonly members: ReadonlyMap<AccountId, GroupMember>
  /** The newest state of its account log that each account named when it acted: it never names an older one again. */
  readonly actorLogs: ReadonlyMap<AccountId, LogHead>
}

/** The state of a group before its first entry. */
export function emptyGroupState(conversation: ConversationId): GroupState {
  return { conversation, kind: 'group', seq: 0, head: emptyHead(), members: new Map(), actorLogs: new Map() }
}

/** The role of an account in the group, or undefined when it is not a member. */
export function roleOf(state: GroupState, account: AccountId): GroupRole | undefined {
  return state.members.get(account)?.role
}

/** The members in ascending order. */
export function groupMembers(state: GroupState): AccountId[] {
  return [...state.members.keys()].sort()
}

/** Whether everybody has left: nothing can be added to the log any more. */
export function groupEnded(state: GroupState): boolean {
  return state.seq > 0 && state.members.size === 0
}

/**
 * `membershipHash` of a group in payloads, 32 bytes: SHA-256(lp("evegram/group-membership/v1") lp(conversation16) lp(seq u64) lp(head)).
 * The head commits to every entry, so two devices with equal hashes have seen the same members, roles and history.
 */
export function groupMembershipHash(state: Pick<GroupState, 'conversation' | 'seq' | 'head'>): Uint8Array {
  return sha256(lengthPrefixed('evegram/group-membership/v1', idBytes(state.conversation), uint64Of(state.seq), state.head))
}
