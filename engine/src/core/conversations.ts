import { noticesConversationIdOf, type AccountId, type AccountVersion, type Clock, type ConversationId, type DeviceId, type GroupKind } from '@evegram/protocol'
import type { AccountDirectory, AccountSummary } from '../ports/account-directory.js'
import type { Membership, MembershipState } from '../ports/membership.js'

/** How long membership and device lists may be relied on after they were asked for (rule 10). */
export const LEASE_MS = 1_000
/** Age from which a lease that is in use is renewed ahead of its end, so that senders seldom wait. */
const RENEW_AHEAD_MS = 600
/** Readings of one answer while its accounts keep changing. */
const READS_MAX = 3
/** Conversations whose lease is remembered; beyond it the one leased longest ago is forgotten and asked for again. */
const CONVERSATIONS_CACHED_MAX = 50_000

/** The members of a conversation with their devices, as of one moment. */
export interface ConversationLease {
  readonly conversation: ConversationId
  /** In a direct conversation and a group members send envelopes, in a channel they post; in the notices of an account the server alone writes. */
  readonly kind: 'direct' | 'notices' | GroupKind
  readonly membershipVersion: number
  /** Head of the membership log, for groups and channels. */
  readonly logHead?: Uint8Array
  readonly members: readonly AccountId[]
  /** Marks and interest go by conversation instead of by member. */
  readonly wide: boolean
  /** Account-log versions of the members, in the order of `members`. */
  readonly versions: readonly AccountVersion[]
  /** Active devices of all members. */
  readonly devices: ReadonlySet<DeviceId>
  /** End of the lease on the monotonic clock; moved on when a new answer says the same. */
  untilMs: number
  renewAtMs: number
  /** Something else was heard: whoever checked against this lease checks again. */
  ended: boolean
}

/** The notices of an account: nobody opens them, and their one member follows from whose they are. */
interface NoticesMembership {
  readonly conversation: ConversationId
  readonly kind: 'notices'
  readonly version: 0
  readonly members: readonly [AccountId]
}

/** Whether `lease` may still be relied on at `nowMs` (monotonic). */
export function leaseHolds(lease: ConversationLease, nowMs: number): boolean {
  return !lease.ended && nowMs <= lease.untilMs
}

/** What the leases need. */
export interface ConversationParts {
  readonly clock: Clock
  readonly membership: Membership
  readonly directory: AccountDirectory
}

/**
 * Memberships and device lists under a 1 s lease.
 * Architecture invariant: a lease is counted from before its parts were asked for, and a change that is heard of ends it at once.
 */
export class Conversations {
  readonly #parts: ConversationParts
  readonly #leases = new Map<ConversationId, ConversationLease>()
  readonly #asking = new Map<ConversationId, Promise<ConversationLease | undefined>>()
  /** Conversations of the cache by member, to end their leases when the account changes. */
  readonly #byMember = new Map<AccountId, Set<ConversationId>>()
  /** For each question under way the accounts and memberships that changed meanwhile: its answer does not become a lease of theirs. */
  readonly #reading = new Set<Set<AccountId | ConversationId>>()

  constructor(parts: ConversationParts) {
    this.#parts = parts
  }

  /** The lease of the conversation if one is held at `nowMs` (monotonic). Asks ahead when it is about to end. */
  held(conversation: ConversationId, nowMs: number): ConversationLease | undefined {
    const lease = this.#leases.get(conversation)
    if (lease === undefined || !leaseHolds(lease, nowMs)) return undefined
    // Notices are few: they ask when they come.
    if (nowMs > lease.renewAtMs && lease.kind !== 'notices' && !this.#asking.has(conversation)) {
      // Renewing ahead is a favour to later senders: one that fails is asked for again by whoever needs it.
      this.#ask(conversation).catch(() => undefined)
    }
    return lease
  }

  /**
   * The lease that is held, or a fresh one; undefined when nobody opened the conversation. Concurrent questions share one answer.
   * With `fresh` the answer was asked for after this call. Rejects `unavailable.store`, `unavailable.auth`.
   */
  async lease(conversation: ConversationId, fresh = false): Promise<ConversationLease | undefined> {
    if (!fresh) {
      const held = this.held(conversation, this.#parts.clock.monotonicMs())
      if (held !== undefined) return held
      return this.#asking.get(conversation) ?? this.#ask(conversation)
    }
    return this.#ask(conversation)
  }

  /**
   * The lease of the conversation in which the server tells `account` something: held or fresh, with `fresh` asked for after this call. An account that is
   * not known has no devices. Rejects `unavailable.auth`.
   */
  async notices(account: AccountId, fresh = false): Promise<ConversationLease | undefined> {
    const state: NoticesMembership = { conversation: noticesConversationIdOf(account), kind: 'notices', version: 0, members: [account] }
    const held = fresh ? undefined : this.held(state.conversation, this.#parts.clock.monotonicMs())
    return held ?? this.#read(state.conversation, (askedMs) => this.#leaseOf(state, askedMs))
  }

  /** Ends every lease that the account is part of. */
  changed(account: AccountId): void {
    for (const changed of this.#reading) changed.add(account)
    for (const conversation of this.#byMember.get(account) ?? []) this.#forget(conversation)
  }

  /** Ends the lease of a conversation whose membership changed. */
  membershipChanged(conversation: ConversationId): void {
    for (const changed of this.#reading) changed.add(conversation)
    this.#forget(conversation)
  }

  /** Leases that are remembered. */
  get size(): number {
    return this.#leases.size
  }

  #ask(conversation: ConversationId): Promise<ConversationLease | undefined> {
    const asking = this.#read(conversation, (askedMs) => this.#readOnce(conversation, askedMs)).finally(() => {
      if (this.#asking.get(conversation) === asking) this.#asking.delete(conversation)
    })
    this.#asking.set(conversation, asking)
    return asking
  }

  async #read(conversation: ConversationId, readOnce: (askedMs: number) => Promise<ConversationLease | undefined>): Promise<ConversationLease | undefined> {
    for (let read = 1; ; read++) {
      const changed = new Set<AccountId | ConversationId>()
      this.#reading.add(changed)
      let lease: ConversationLease | undefined
      try {
        lease = await readOnce(this.#parts.clock.monotonicMs())
      } finally {
        this.#reading.delete(changed)
      }
      // A change that was heard of meanwhile may be missing in the answer: ask again.
      if (!changed.has(conversation) && lease?.members.some((member) => changed.has(member)) !== true) {
        return lease === undefined ? undefined : this.#keep(lease)
      }
      if (read < READS_MAX) continue
      // Accounts that change faster than they can be read: the answer serves this caller, who checks again before the ack, and nobody else.
      if (lease !== undefined) lease.ended = true
      return lease
    }
  }

  async #readOnce(conversation: ConversationId, askedMs: number): Promise<ConversationLease | undefined> {
    const state = await this.#parts.membership.get(conversation)
    return state === undefined ? undefined : this.#leaseOf(state, askedMs)
  }

  async #leaseOf(state: MembershipState | NoticesMembership, askedMs: number): Promise<ConversationLease> {
    return leaseOf(state, await Promise.all(state.members.map((member) => this.#parts.directory.summary(member))), askedMs)
  }

  /** Keeps a fresh answer; one that says the same as the lease that stands prolongs that one. */
  #keep(lease: ConversationLease): ConversationLease {
    const standing = this.#leases.get(lease.conversation)
    if (standing !== undefined && sameState(standing, lease)) {
      standing.untilMs = Math.max(standing.untilMs, lease.untilMs)
      standing.renewAtMs = Math.max(standing.renewAtMs, lease.renewAtMs)
      return standing
    }
    this.#forget(lease.conversation)
    this.#leases.set(lease.conversation, lease)
    for (const member of lease.members) {
      const conversations = this.#byMember.get(member) ?? new Set()
      this.#byMember.set(member, conversations.add(lease.conversation))
    }
    if (this.#leases.size > CONVERSATIONS_CACHED_MAX) {
      const [oldest] = this.#leases.keys()
      if (oldest !== undefined) this.#forget(oldest)
    }
    return lease
  }

  #forget(conversation: ConversationId): void {
    const lease = this.#leases.get(conversation)
    if (lease === undefined) return
    lease.ended = true
    this.#leases.delete(conversation)
    for (const member of lease.members) {
      const conversations = this.#byMember.get(member)
      conversations?.delete(conversation)
      if (conversations?.size === 0) this.#byMember.delete(member)
    }
  }
}

function sameState(one: ConversationLease, other: ConversationLease): boolean {
  return one.membershipVersion === other.membershipVersion && one.wide === other.wide
    && one.versions.length === other.versions.length
    && one.versions.every((version, index) => version.account === other.versions[index]?.account && version.seq === other.versions[index]?.seq)
    && one.devices.size === other.devices.size
    && [...one.devices].every((device) => other.devices.has(device))
}

function leaseOf(state: MembershipState | NoticesMembership, summaries: readonly (AccountSummary | undefined)[], askedMs: number): ConversationLease {
  const devices = new Set<DeviceId>()
  const versions = state.members.map((account, index) => {
    const summary = summaries[index]
    if (summary !== undefined && !summary.closed) for (const { device } of summary.devices) devices.add(device)
    return { account, seq: summary?.seq ?? 0 }
  })
  return {
    conversation: state.conversation, ...(state.kind === 'group' ? { kind: state.group.kind, logHead: state.group.head } : { kind: state.kind }),
    membershipVersion: state.version, members: state.members, wide: state.kind === 'group' && state.wide, versions, devices,
    untilMs: askedMs + LEASE_MS, renewAtMs: askedMs + RENEW_AHEAD_MS, ended: false,
  }
}
