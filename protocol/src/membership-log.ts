import type { LogRefusal } from './account-log-proofs.js'
import { equalBytes } from './bytes.js'
import { isEvegramError } from './errors.js'
import { channelIdOf, groupConversationIdOf, type AccountId, type ConversationId } from './ids.js'
import { LIMITS } from './limits.js'
import { checkActor } from './log-actor.js'
import {
  decodeMembershipEntry, membershipEntryHash, membershipHeadOf,
  type GroupRole, type MembershipActor, type MembershipEntry,
} from './membership-log-entry.js'
import { emptyGroupState, groupEnded, roleOf, type GroupKind, type GroupMember, type GroupState } from './membership-log-state.js'
import type { ProofPrimitives } from './proof/primitives.js'

/** What the rules of a membership log need to know beside the log. */
export interface MembershipContext {
  readonly primitives: ProofPrimitives
  /**
   * The signing key (Ed25519, 32 bytes) of the acting device, if the account's log, verified up to `actor.log.seq` with exactly that head,
   * shows it as active; undefined otherwise. A server, which does not replay logs, answers from the state that it has now.
   */
  signingKeyOf(actor: MembershipActor): Uint8Array | undefined
  /** Ms since 1970. */
  readonly nowMs: number
  /** `server`: the entry is new. `peer`: it was accepted some time ago. */
  readonly mode: 'server' | 'peer'
}

/** Answer of {@link applyMembershipEntry}: the new state, or the first rule that the entry breaks. */
export type ApplyMembershipResult =
  | { readonly status: 'applied'; readonly state: GroupState; readonly entry: MembershipEntry }
  | ({ readonly status: 'refused' } & LogRefusal)

/**
 * Applies one encoded entry to the state before it. All rules are here, in this order: bytes, place in the log, time, roles and meaning, the
 * acting device and its signature; the first that fails gives the code. Never throws, whatever the bytes.
 *
 * Owners may do everything; admins add accounts and remove those with role `member`; everybody may leave. A group that has members has an
 * owner: the last one passes ownership on before it leaves, steps down or is removed, unless it is the last member, whose leaving ends the group.
 */
export function applyMembershipEntry(state: GroupState, encodedEntry: Uint8Array, context: MembershipContext): ApplyMembershipResult {
  const entry = readEntry(encodedEntry)
  if ('code' in entry) return { status: 'refused', ...entry }
  const refusal = checkPlace(state, entry, context) ?? checkTime(entry, context) ?? checkMeaning(state, entry) ?? checkSigner(state, entry, context)
  if (refusal !== undefined) return { status: 'refused', ...refusal }
  return {
    status: 'applied', entry,
    state: {
      conversation: state.conversation, kind: kindAfter(state, entry), seq: entry.seq, head: membershipHeadOf(encodedEntry), members: membersAfter(state, entry),
      actorLogs: new Map(state.actorLogs).set(entry.actor.account, entry.actor.log),
    },
  }
}

/** Answer of {@link verifyMembershipLog}; a refusal names the entry by its index in the list. */
export type VerifyMembershipResult =
  | { readonly status: 'applied'; readonly state: GroupState; readonly entries: readonly MembershipEntry[] }
  | ({ readonly status: 'refused'; readonly index: number } & LogRefusal)

/** Applies encoded entries one after the other to `start`, by default the group without entries. Never throws; no entries leave `start` as it is. */
export function verifyMembershipLog(
  conversation: ConversationId, entries: readonly Uint8Array[], context: MembershipContext, start: GroupState = emptyGroupState(conversation),
): VerifyMembershipResult {
  const applied: MembershipEntry[] = []
  let state = start
  for (const [index, bytes] of entries.entries()) {
    const result = applyMembershipEntry(state, bytes, context)
    if (result.status === 'refused') return { ...result, index }
    state = result.state
    applied.push(result.entry)
  }
  return { status: 'applied', state, entries: applied }
}

function readEntry(bytes: Uint8Array): MembershipEntry | LogRefusal {
  try {
    return decodeMembershipEntry(bytes)
  } catch (cause) {
    if (isEvegramError(cause)) return { code: cause.code, reason: 'the entry does not parse' }
    throw cause
  }
}

const invalid = (reason: string): LogRefusal => ({ code: 'group.log_invalid', reason })

function checkPlace(state: GroupState, entry: MembershipEntry, context: MembershipContext): LogRefusal | undefined {
  if (entry.conversation !== state.conversation) return invalid('the entry belongs to another group')
  if (groupEnded(state)) return { code: 'group.ended', reason: 'everybody has left' }
  if (entry.seq !== state.seq + 1 || !equalBytes(entry.prev, state.head)) {
    // A server is told about a race with another device; a peer that gets such an entry was given no log at all.
    return context.mode === 'server'
      ? { code: 'conflict.membership_head', reason: 'the entry does not follow the head of the log' }
      : invalid('the entry does not follow the head of the log')
  }
  // Removals stay possible: a full log must not keep a removed member in the group. Each takes a member, so there are few.
  if (entry.seq > LIMITS.membershipEntriesMax && entry.kind !== 'remove' && entry.kind !== 'leave') {
    return { code: 'group.log_full', reason: 'the log is full' }
  }
  return undefined
}

function checkTime(entry: MembershipEntry, context: MembershipContext): LogRefusal | undefined {
  if (entry.atMs > context.nowMs + LIMITS.challengeMs) return { code: 'proof.not_yet_valid', reason: 'the entry is from the future' }
  if (context.mode === 'server' && entry.atMs < context.nowMs - LIMITS.challengeMs) return { code: 'proof.expired', reason: 'the entry is too old' }
  return undefined
}

function checkMeaning(state: GroupState, entry: MembershipEntry): LogRefusal | undefined {
  const founds = entry.kind === 'create' || entry.kind === 'create_channel'
  if ((state.seq === 0) !== founds) return invalid('the first entry, and only the first, founds the group')
  if (founds) return checkCreate(entry)
  const role = roleOf(state, entry.actor.account)
  if (role === undefined) return { code: 'group.member_unknown', reason: 'the actor is not a member' }
  switch (entry.kind) {
    case 'add':
      return checkAdd(state, role, entry.body.members)
    case 'remove':
      return checkRemove(state, role, entry.actor.account, entry.body.members)
    case 'leave':
      return state.members.size === 1 ? undefined : checkOwnersLeft(state, [entry.actor.account])
    case 'role': {
      const { member, role: wanted } = entry.body
      if (role !== 'owner') return { code: 'group.role', reason: 'only owners change roles' }
      if (!state.members.has(member)) return { code: 'group.member_unknown', reason: 'the account is not a member' }
      if (roleOf(state, member) === wanted) return invalid('the member has this role')
      return wanted === 'owner' ? undefined : checkOwnersLeft(state, [member])
    }
    default:
      return entry satisfies never
  }
}

function checkCreate(entry: MembershipEntry & { readonly kind: 'create' | 'create_channel' }): LogRefusal | undefined {
  const { actor, body } = entry
  const idOf = entry.kind === 'create' ? groupConversationIdOf : channelIdOf
  if (idOf(actor.account, actor.device, body.salt) !== entry.conversation) return invalid('the id is not made of this founder and salt')
  return body.members.includes(actor.account) ? invalid('the founder is not among its own first members') : undefined
}

function checkAdd(state: GroupState, role: GroupRole, members: readonly AccountId[]): LogRefusal | undefined {
  if (role === 'member') return { code: 'group.role', reason: 'members add nobody' }
  if (members.some((member) => state.members.has(member))) return { code: 'group.member_known', reason: 'an account is a member already' }
  if (state.members.size + members.length > LIMITS.groupMembersMax) return { code: 'group.member_limit', reason: 'too many members' }
  return undefined
}

function checkRemove(state: GroupState, role: GroupRole, actor: AccountId, members: readonly AccountId[]): LogRefusal | undefined {
  if (role === 'member') return { code: 'group.role', reason: 'members remove nobody' }
  if (members.includes(actor)) return invalid('who goes leaves')
  if (members.some((member) => !state.members.has(member))) return { code: 'group.member_unknown', reason: 'an account is not a member' }
  if (role === 'admin' && members.some((member) => roleOf(state, member) !== 'member')) {
    return { code: 'group.role', reason: 'admins remove neither admins nor owners' }
  }
  // An owner who removes is left over, so there is one.
  return undefined
}

/** Refuses when nobody but `gone` is an owner. */
function checkOwnersLeft(state: GroupState, gone: readonly AccountId[]): LogRefusal | undefined {
  for (const [account, { role }] of state.members) if (role === 'owner' && !gone.includes(account)) return undefined
  return { code: 'group.last_owner', reason: 'the group would have no owner' }
}

function checkSigner(state: GroupState, entry: MembershipEntry, context: MembershipContext): LogRefusal | undefined {
  const { actor, signature } = entry
  return checkActor(actor, {
    primitives: context.primitives, before: state.actorLogs.get(actor.account), signingKey: context.signingKeyOf(actor), hash: membershipEntryHash(entry), signature,
  })
}

function kindAfter(state: GroupState, entry: MembershipEntry): GroupKind {
  return state.seq > 0 ? state.kind : entry.kind === 'create_channel' ? 'channel' : 'group'
}

function membersAfter(state: GroupState, entry: MembershipEntry): ReadonlyMap<AccountId, GroupMember> {
  const members = new Map(state.members)
  switch (entry.kind) {
    case 'create':
    case 'create_channel':
      members.set(entry.actor.account, { role: 'owner', joinedSeq: entry.seq })
      for (const member of entry.body.members) members.set(member, { role: 'member', joinedSeq: entry.seq })
      return members
    case 'add':
      for (const member of entry.body.members) members.set(member, { role: 'member', joinedSeq: entry.seq })
      return members
    case 'remove':
      for (const member of entry.body.members) members.delete(member)
      return members
    case 'leave':
      members.delete(entry.actor.account)
      return members
    case 'role': {
      const { member, role } = entry.body
      return members.set(member, { role, joinedSeq: members.get(member)?.joinedSeq ?? entry.seq })
    }
    default:
      return entry satisfies never
  }
}
