import { channelIdOf, groupConversationIdOf, idBytes, type AccountId } from './ids.js'
import { compareBytes } from './bytes.js'
import {
  encodeMembershipEntry, membershipHeadOf,
  type MembershipActor, type MembershipChange, type MembershipDraft, type MembershipEntry,
} from './membership-log-entry.js'
import { emptyGroupState, type GroupState } from './membership-log-state.js'

/** The accounts as an entry lists them: ascending, nobody twice. */
export function listedMembers(accounts: readonly AccountId[]): AccountId[] {
  return [...new Set(accounts)].sort((left, right) => compareBytes(idBytes(left), idBytes(right)))
}

/** An entry that follows `state`, still without its signature: the acting device signs its `membershipEntryHash`. `atMs` is the client's time. */
export function draftMembershipEntry(state: GroupState, change: MembershipChange, actor: MembershipActor, atMs: number): MembershipDraft {
  return { ...change, v: 1, conversation: state.conversation, seq: state.seq + 1, prev: state.head, actor, atMs }
}

/** The first entry of a new group. `salt`: 16 random bytes; the actor may be among `members`, it is the owner anyway. */
export function draftGroup(salt: Uint8Array, members: readonly AccountId[], actor: MembershipActor, atMs: number): MembershipDraft {
  const others = listedMembers(members).filter((member) => member !== actor.account)
  const state = emptyGroupState(groupConversationIdOf(actor.account, actor.device, salt))
  return draftMembershipEntry(state, { kind: 'create', body: { salt, members: others } }, actor, atMs)
}

/** The first entry of a new channel, as {@link draftGroup}: `authors` may post beside the founder. `salt`: made by `channelSaltOf`. */
export function draftChannel(salt: Uint8Array, authors: readonly AccountId[], actor: MembershipActor, atMs: number): MembershipDraft {
  const others = listedMembers(authors).filter((author) => author !== actor.account)
  const state = emptyGroupState(channelIdOf(actor.account, actor.device, salt))
  return draftMembershipEntry(state, { kind: 'create_channel', body: { salt, members: others } }, actor, atMs)
}

/** An entry ready to be sent: `bytes` for the server, `head` of the log once it is accepted. */
export interface SealedMembershipEntry {
  readonly entry: MembershipEntry
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly head: Uint8Array
}

/** Puts the signature under a draft. Throws as `encodeMembershipEntry`; whether the entry is allowed is `applyMembershipEntry`'s question. */
export function sealMembershipEntry(draft: MembershipDraft, signature: Uint8Array): SealedMembershipEntry {
  const entry: MembershipEntry = { ...draft, signature }
  const bytes = encodeMembershipEntry(entry)
  return { entry, bytes, head: membershipHeadOf(bytes) }
}
