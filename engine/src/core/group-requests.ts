import {
  applyMembershipEntry, decodeMembershipEntry, decodeReadGroup, emptyGroupState, encodeFrame, encodeGroupPage, encodeOpened, equalBytes, EvegramError,
  FRAME_TYPE, GROUP_PAGE_ENTRIES_MAX, groupMembers, isEvegramError, sleep,
  type AccountId, type Clock, type Frame, type GroupState, type MembershipEntry,
} from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { AccountDirectory } from '../ports/account-directory.js'
import type { GroupMembership, Membership } from '../ports/membership.js'
import { checkNewestLog, signingKeyOf } from './acting-device.js'
import { LEASE_MS, type Conversations } from './conversations.js'
import type { Ed25519Verify } from './hello.js'
import type { PositionClock } from './position-clock.js'
import type { Session, SessionOwner } from './session.js'
import type { WideMembers } from './wide-members.js'

/** Time after which no node relies on a lease from before: a lease counts to its last moment, and clocks of nodes do not run quite alike. */
export const LEASES_ENDED_MS = LEASE_MS + 100

/** What requests about groups need. */
export interface GroupRequestParts {
  readonly clock: Clock
  readonly positions: PositionClock
  readonly directory: AccountDirectory
  readonly membership: Membership
  readonly conversations: Conversations
  readonly ed25519Verify: Ed25519Verify
  readonly wideMembers: Pick<WideMembers, 'join' | 'leave'>
  /** Groups of more members than this are wide, and stay so. */
  readonly wideOver: number
  /** Whether other nodes may hold the membership as it was. */
  readonly hasPeers: () => boolean
  readonly logger: Logger
}

/**
 * Answers `changeGroup` and `readGroup`, for groups and for the authors of channels. The rules are those that every member runs; here they keep nonsense
 * out of the log, there they protect.
 * Architecture invariant: a change is answered only when no node can act on a lease from before it (rule 10).
 */
export class GroupRequests {
  readonly #parts: GroupRequestParts

  constructor(parts: GroupRequestParts) {
    this.#parts = parts
  }

  /** Stores an entry of a membership log. Never rejects. Throws `invalid.*` or `too_large.membership_entry` at once for bytes that are no entry. */
  change(session: Session, owner: SessionOwner, frame: Frame): Promise<void> {
    // The frame is only valid during this call.
    const bytes = Uint8Array.from(frame.body)
    const entry = decodeMembershipEntry(bytes)
    return this.#answer(session, frame.correlation, async () => {
      if (entry.actor.account !== owner.account || entry.actor.device !== owner.device) throw new EvegramError('denied.sender', { operation: 'change group' })
      const { conversations, membership } = this.#parts
      const standing = await membership.get(entry.conversation)
      const group = standing?.kind === 'group' ? standing : undefined
      const next = group !== undefined && await this.#isStored(group.group, entry, bytes) ? group : await this.#store(group, entry, bytes)
      await this.#leasesEnded(entry)
      // Nobody acts on the membership before any more. An author that got no answer comes again, also when this failed.
      if (next.wide) await this.#parts.wideMembers.leave(entry.conversation, leftBy(entry), entry.seq)
      const versions = await Promise.all(next.members.map(async (account) => ({
        account, seq: (await this.#parts.directory.summary(account))?.seq ?? 0,
      })))
      conversations.membershipChanged(entry.conversation)
      return encodeFrame(FRAME_TYPE.opened, frame.correlation, encodeOpened({
        conversation: next.conversation, membershipVersion: next.version, members: versions,
      }))
    })
  }

  /** Entries of the log of a group that the account is a member of, or of any channel. Never rejects. Throws as the decoder does, at once. */
  read(session: Session, owner: SessionOwner, frame: Frame): Promise<void> {
    const { conversation, after } = decodeReadGroup(frame.body)
    return this.#answer(session, frame.correlation, async () => {
      const { membership } = this.#parts
      const standing = await membership.get(conversation)
      if (standing?.kind !== 'group') throw new EvegramError('not_found.conversation', { operation: 'read group' })
      // Followers of a channel are in no list, and check its authors by this.
      if (standing.group.kind === 'group' && !standing.members.includes(owner.account)) throw new EvegramError('denied.not_member', { operation: 'read group' })
      const limit = Math.max(0, Math.min(GROUP_PAGE_ENTRIES_MAX, standing.version - after))
      const entries = await membership.groupEntries(conversation, after, limit)
      return encodeFrame(FRAME_TYPE.group, frame.correlation, encodeGroupPage({ conversation, version: standing.version, entries }))
    })
  }

  /** An author that had no answer sends the same bytes again, and gets the answer that it missed. */
  async #isStored(state: GroupState, entry: MembershipEntry, bytes: Uint8Array): Promise<boolean> {
    if (entry.seq === 0 || entry.seq > state.seq) return false
    const [stored] = await this.#parts.membership.groupEntries(entry.conversation, entry.seq - 1, 1)
    return stored !== undefined && equalBytes(stored, bytes)
  }

  async #store(standing: GroupMembership | undefined, entry: MembershipEntry, bytes: Uint8Array): Promise<GroupMembership> {
    const { directory, membership, positions, ed25519Verify, wideMembers, wideOver } = this.#parts
    const state = standing?.group ?? emptyGroupState(entry.conversation)
    const actor = await directory.summary(entry.actor.account)
    checkNewestLog(actor, entry.actor)
    const result = applyMembershipEntry(state, bytes, {
      primitives: { ed25519Verify, secp256k1Verify: () => false },
      signingKeyOf: () => signingKeyOf(actor, entry.actor), nowMs: positions.nowMs(), mode: 'server',
    })
    if (result.status === 'refused') throw new EvegramError(result.code, { operation: 'change group', details: { reason: result.reason } })
    await this.#checkAdded(entry)
    const members = groupMembers(result.state)
    const wide = standing?.wide === true || (result.state.kind === 'group' && members.length > wideOver)
    const next: GroupMembership = { conversation: entry.conversation, kind: 'group', version: entry.seq, members, wide, group: result.state }
    // Before the change: a node that acts on it relies on these, and so on all of them where the group was not wide before.
    if (wide) await wideMembers.join(entry.conversation, standing?.wide === true ? members.filter((member) => !standing.members.includes(member)) : members, entry.seq)
    const stored = await membership.changeGroup(next, bytes)
    if (stored.status === 'conflict') throw new EvegramError('conflict.membership_head', { operation: 'change group' })
    return next
  }

  /** Nobody is added who is not there: a mistyped account would be a member for whom nothing can be encrypted. */
  async #checkAdded(entry: MembershipEntry): Promise<void> {
    if (entry.kind !== 'create' && entry.kind !== 'create_channel' && entry.kind !== 'add') return
    const summaries = await Promise.all(entry.body.members.map((member) => this.#parts.directory.summary(member)))
    for (const summary of summaries) {
      if (summary === undefined) throw new EvegramError('account.not_found', { operation: 'add member' })
      if (summary.closed) throw new EvegramError('account.closed', { operation: 'add member' })
    }
  }

  async #leasesEnded(entry: MembershipEntry): Promise<void> {
    const { clock, conversations, hasPeers } = this.#parts
    conversations.membershipChanged(entry.conversation)
    if (hasPeers()) await sleep(clock, LEASES_ENDED_MS)
  }

  async #answer(session: Session, correlation: number, work: () => Promise<Uint8Array>): Promise<void> {
    try {
      session.out.frame(await work())
    } catch (failure) {
      const code = isEvegramError(failure) ? failure.code : 'internal'
      if (code === 'internal') this.#parts.logger.error({ err: failure }, 'a request about a group failed')
      session.fail(correlation, { code, message: new EvegramError(code).advice })
    }
  }
}

/** The accounts that an entry puts out of the group. */
function leftBy(entry: MembershipEntry): readonly AccountId[] {
  if (entry.kind === 'leave') return [entry.actor.account]
  return entry.kind === 'remove' ? entry.body.members : []
}
