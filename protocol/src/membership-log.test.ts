import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GroupStory, groupActor, type GroupActor } from '../vectors/group-story.js'
import { seed } from '../vectors/actors.js'
import { encodeCbor } from './cbor.js'
import { isErrorCode, isEvegramError } from './errors.js'
import { channelIdOf, directConversationIdOf, groupConversationIdOf, parseAccountId, type AccountId } from './ids.js'
import { LIMITS } from './limits.js'
import { decodeGroupState, encodeGroupState } from './membership-log-row.js'
import { applyMembershipEntry, verifyMembershipLog } from './membership-log.js'
import { draftChannel, draftGroup, draftMembershipEntry, listedMembers, sealMembershipEntry } from './membership-log-draft.js'
import {
  decodeMembershipEntry, encodeMembershipEntry, GROUP_ROLES, membershipEntryHash, type GroupRole, type MembershipEntry,
} from './membership-log-entry.js'
import { emptyGroupState, groupEnded, groupMembers, groupMembershipHash, roleOf, type GroupState } from './membership-log-state.js'

const alice = groupActor('alice')
const bob = groupActor('bob')
const carol = groupActor('carol')
const dora = groupActor('dora')
const everyone = [alice, bob, carol, dora]

function founded(...members: readonly GroupActor[]): GroupStory {
  const story = new GroupStory([...everyone, groupActor('alice', 2), groupActor('alice', 2, 'laptop')])
  story.must(story.found(alice, members.map(({ account }) => account)), alice)
  return story
}

const refusedWith = (code: string): object => ({ status: 'refused', code })
const account = (index: number): AccountId => parseAccountId(index.toString(16).padStart(32, '0'))

describe('founding a group', () => {
  it('makes the founder its owner and the accounts of the entry its members', () => {
    const { state } = founded(bob, carol)
    expect(state.seq).toBe(1)
    expect(groupMembers(state)).toEqual([alice.account, bob.account, carol.account].sort())
    expect(everyone.map((actor) => roleOf(state, actor.account))).toEqual(['owner', 'member', 'member', undefined])
  })

  it('needs an id that is made of this founder: nobody else can begin the log of a group, nor one under the id of a direct conversation', () => {
    const story = new GroupStory(everyone)
    const stolen = { ...story.found(bob, []), conversation: story.state.conversation }
    expect(story.offer(stolen, bob)).toMatchObject(refusedWith('group.log_invalid'))
    const squatted = { ...story.found(bob, []), conversation: directConversationIdOf(alice.account, carol.account) }
    const state = emptyGroupState(squatted.conversation)
    expect(applyMembershipEntry(state, story.seal(squatted, bob).bytes, story.context)).toMatchObject(refusedWith('group.log_invalid'))
    expect(() => groupConversationIdOf(alice.account, alice.device, new Uint8Array(15))).toThrow('invalid.argument')
  })

  it('happens once, and first', () => {
    const story = founded(bob)
    const again = { ...story.draft(alice, 'leave', {}), kind: 'create' as const, body: { salt: story.salt, members: [] } }
    expect(story.offer(again, alice)).toMatchObject(refusedWith('group.log_invalid'))
    const empty = new GroupStory(everyone)
    expect(empty.offer(empty.draft(alice, 'add', { members: [bob.account] }), alice)).toMatchObject(refusedWith('group.log_invalid'))
  })

  it('does not list the founder among the first members', () => {
    const story = new GroupStory(everyone)
    const listed = { ...story.found(alice, []), kind: 'create' as const, body: { salt: story.salt, members: [alice.account] } }
    expect(story.offer(listed, alice)).toMatchObject(refusedWith('group.log_invalid'))
    expect(draftGroup(story.salt, [alice.account, bob.account], alice, 0)).toMatchObject({ body: { members: [bob.account] } })
  })
})

describe('founding a channel', () => {
  const channelOf = (...authors: readonly GroupActor[]): GroupStory => {
    const story = new GroupStory(everyone, 'channel')
    story.must(story.found(alice, authors.map(({ account: author }) => author)), alice)
    return story
  }

  it('makes a log of authors whose kind never changes', () => {
    const story = channelOf(bob)
    expect(story.state).toMatchObject({ kind: 'channel', seq: 1 })
    expect(roleOf(story.state, alice.account)).toBe('owner')
    expect(roleOf(story.state, bob.account)).toBe('member')
    for (const after of [(): void => { story.act(alice, 'add', { members: [carol.account] }) }, (): void => { story.act(bob, 'leave', {}) }]) {
      after()
      expect(story.state.kind).toBe('channel')
      expect(decodeGroupState(encodeGroupState(story.state))).toEqual(story.state)
    }
    expect(founded(bob).state.kind).toBe('group')
    expect(emptyGroupState(story.state.conversation).kind).toBe('group')
  })

  it('needs an id of its own: neither a group under the id of a channel, nor a channel under that of a group, nor under another founder\'s', () => {
    const salt = seed('group salt').slice(0, 16)
    expect(channelIdOf(alice.account, alice.device, salt)).not.toBe(groupConversationIdOf(alice.account, alice.device, salt))
    const [group, channel] = [new GroupStory(everyone), new GroupStory(everyone, 'channel')]
    expect(channel.state.conversation).toBe(channelIdOf(alice.account, alice.device, salt))
    for (const [story, kind] of [[group, 'create_channel'], [channel, 'create']] as const) {
      const mixed = draftMembershipEntry(story.state, { kind, body: { salt, members: [] } }, story.found(alice, []).actor, story.nowMs)
      expect(story.offer(mixed, alice)).toMatchObject(refusedWith('group.log_invalid'))
    }
    expect(channel.offer({ ...channel.found(bob, []), conversation: channel.state.conversation }, bob)).toMatchObject(refusedWith('group.log_invalid'))
    expect(draftChannel(salt, [alice.account, bob.account], alice, 0)).toMatchObject({ kind: 'create_channel', body: { members: [bob.account] } })
  })

  it('happens once, and first, whatever the log is of', () => {
    for (const story of [founded(bob), channelOf(bob)]) {
      for (const kind of ['create', 'create_channel'] as const) {
        const again = draftMembershipEntry(story.state, { kind, body: { salt: story.salt, members: [] } }, story.found(alice, []).actor, story.nowMs)
        expect(story.offer(again, alice)).toMatchObject(refusedWith('group.log_invalid'))
      }
    }
  })

  it('leaves no entry that fits a log of the other kind', () => {
    const [group, channel] = [founded(bob), channelOf(bob)]
    const { bytes } = group.seal(group.draft(alice, 'add', { members: [carol.account] }), alice)
    expect(applyMembershipEntry(channel.state, bytes, channel.context)).toMatchObject(refusedWith('group.log_invalid'))
    const [creation] = group.entries as [Uint8Array]
    expect(applyMembershipEntry(emptyGroupState(channel.state.conversation), creation, channel.context)).toMatchObject(refusedWith('group.log_invalid'))
  })
})

describe('a state in a store', () => {
  it('is refused when it is not what was written, with the code of its format', () => {
    const state = founded(bob).state
    const row = { conversation: new Uint8Array(16), seq: 1, head: new Uint8Array(32), members: [], actorLogs: [] }
    expect(decodeGroupState(encodeCbor(row))).toMatchObject({ kind: 'group', seq: 1 })
    expect(decodeGroupState(encodeCbor({ ...row, channel: true }))).toMatchObject({ kind: 'channel' })
    for (const change of [{ members: [[new Uint8Array(15), 0, 1]] }, { members: [[new Uint8Array(16), 3, 1]] }, { actorLogs: [[new Uint8Array(17), 1, seed('head')]] }, { members: [1] }]) {
      expect(() => decodeGroupState(encodeCbor({ ...row, ...change }))).toThrow('invalid.membership_entry')
    }
    expect(decodeGroupState(encodeGroupState(state))).toEqual(state)
  })
})

describe('roles', () => {
  it('let owners and admins add and remove, and members only leave', () => {
    const story = founded(bob, carol)
    expect(story.offer(story.draft(bob, 'add', { members: [dora.account] }), bob)).toMatchObject(refusedWith('group.role'))
    expect(story.offer(story.draft(bob, 'remove', { members: [carol.account] }), bob)).toMatchObject(refusedWith('group.role'))
    story.act(alice, 'role', { member: bob.account, role: 'admin' })
    story.act(bob, 'add', { members: [dora.account] })
    story.act(bob, 'remove', { members: [carol.account] })
    story.act(dora, 'leave', {})
    expect(groupMembers(story.state)).toEqual(listedMembers([alice.account, bob.account]))
  })

  it('keep admins from removing admins and owners, and from changing roles', () => {
    const story = founded(bob, carol)
    story.act(alice, 'role', { member: bob.account, role: 'admin' })
    story.act(alice, 'role', { member: carol.account, role: 'admin' })
    for (const target of [alice, carol]) {
      expect(story.offer(story.draft(bob, 'remove', { members: [target.account] }), bob)).toMatchObject(refusedWith('group.role'))
    }
    for (const [member, role] of [[bob, 'owner'], [carol, 'member'], [alice, 'member']] as const) {
      expect(story.offer(story.draft(bob, 'role', { member: member.account, role }), bob)).toMatchObject(refusedWith('group.role'))
    }
  })

  it('let owners do everything to everybody, as long as an owner is left', () => {
    const story = founded(bob, carol)
    for (const attempt of [story.draft(alice, 'leave', {}), story.draft(alice, 'role', { member: alice.account, role: 'member' })]) {
      expect(story.offer(attempt, alice)).toMatchObject(refusedWith('group.last_owner'))
    }
    story.act(alice, 'role', { member: bob.account, role: 'owner' })
    story.act(alice, 'role', { member: alice.account, role: 'member' })
    story.act(bob, 'remove', { members: [alice.account] })
    expect(roleOf(story.state, bob.account)).toBe('owner')
    story.act(bob, 'role', { member: carol.account, role: 'owner' })
    story.act(carol, 'remove', { members: [bob.account] })
    expect(groupMembers(story.state)).toEqual([carol.account])
  })

  it('end with the last member: an ended group takes no entry', () => {
    const story = founded()
    story.act(alice, 'leave', {})
    expect(groupEnded(story.state)).toBe(true)
    expect(story.offer(story.draft(alice, 'add', { members: [bob.account] }), alice)).toMatchObject(refusedWith('group.ended'))
  })

  it('are not given to strangers, nor by them, nor twice', () => {
    const story = founded(bob)
    expect(story.offer(story.draft(alice, 'role', { member: dora.account, role: 'admin' }), alice)).toMatchObject(refusedWith('group.member_unknown'))
    expect(story.offer(story.draft(alice, 'role', { member: bob.account, role: 'member' }), alice)).toMatchObject(refusedWith('group.log_invalid'))
    expect(story.offer(story.draft(dora, 'add', { members: [carol.account] }), dora)).toMatchObject(refusedWith('group.member_unknown'))
    expect(story.offer(story.draft(dora, 'leave', {}), dora)).toMatchObject(refusedWith('group.member_unknown'))
  })
})

describe('members', () => {
  it('are added once and removed once, and come back as plain members', () => {
    const story = founded(bob)
    story.act(alice, 'role', { member: bob.account, role: 'admin' })
    expect(story.offer(story.draft(alice, 'add', { members: [bob.account] }), alice)).toMatchObject(refusedWith('group.member_known'))
    story.act(alice, 'remove', { members: [bob.account] })
    expect(story.offer(story.draft(alice, 'remove', { members: [bob.account] }), alice)).toMatchObject(refusedWith('group.member_unknown'))
    story.act(alice, 'add', { members: [bob.account] })
    expect(story.state.members.get(bob.account)).toEqual({ role: 'member', joinedSeq: 4 })
  })

  it('leave rather than remove themselves', () => {
    const story = founded(bob)
    expect(story.offer(story.draft(alice, 'remove', { members: [alice.account] }), alice)).toMatchObject(refusedWith('group.log_invalid'))
  })

  it('are at most as many as an envelope can name', () => {
    expect(LIMITS.groupMembersMax).toBeLessThanOrEqual(LIMITS.envelopeAccountsMax)
    const story = founded()
    const crowd = Array.from({ length: LIMITS.groupMembersMax }, (_, index) => account(index + 1))
    story.act(alice, 'add', { members: crowd.slice(0, 128) })
    expect(story.offer(story.draft(alice, 'add', { members: crowd.slice(128) }), alice)).toMatchObject(refusedWith('group.member_limit'))
    story.act(alice, 'add', { members: crowd.slice(128, 255) })
    expect(story.state.members.size).toBe(LIMITS.groupMembersMax)
  })
})

describe('an entry', () => {
  it('is refused when it does not follow the head: to its author as a race, to a peer as a broken log', () => {
    const story = founded(bob, carol)
    const draft = story.draft(alice, 'remove', { members: [bob.account] })
    story.act(alice, 'remove', { members: [carol.account] })
    expect(story.offer(draft, alice)).toMatchObject(refusedWith('conflict.membership_head'))
    expect(story.offer(draft, alice, { mode: 'peer' })).toMatchObject(refusedWith('group.log_invalid'))
    const forked = { ...story.draft(alice, 'leave', {}), prev: seed('another head') }
    expect(story.offer(forked, alice, { mode: 'peer' })).toMatchObject(refusedWith('group.log_invalid'))
  })

  it('of another group does not fit', () => {
    const story = founded(bob)
    const other = emptyGroupState(draftGroup(seed('other').slice(0, 16), [], alice, 0).conversation)
    expect(applyMembershipEntry(other, story.entries[0] ?? new Uint8Array(0), story.context)).toMatchObject(refusedWith('group.log_invalid'))
  })

  it('is signed by the device that it names, over all its fields', () => {
    const story = founded(bob, carol)
    const forged = story.draft(alice, 'remove', { members: [bob.account] })
    expect(story.offer(forged, bob)).toMatchObject(refusedWith('proof.signature'))
    const { entry } = story.seal(forged, alice)
    const altered = encodeMembershipEntry({ ...entry, atMs: entry.atMs + 1 })
    expect(applyMembershipEntry(story.state, altered, story.context)).toMatchObject(refusedWith('proof.signature'))
  })

  it('names a state of the account log in which the device is active', () => {
    const story = founded(bob)
    const stranger = { ...alice, log: { seq: 1, head: seed('another history') } }
    expect(story.offer(story.draft(stranger, 'remove', { members: [bob.account] }), stranger)).toMatchObject(refusedWith('account.log_rolled_back'))
    const ghost = { ...groupActor('bob', 1, 'ghost') }
    expect(story.offer(story.draft(ghost, 'leave', {}), ghost)).toMatchObject(refusedWith('account.device_unknown'))
  })

  it('never names an older state of the account log than the account named before: a revoked device cannot go back', () => {
    const story = founded(bob)
    const laptop = groupActor('alice', 2, 'laptop')
    story.act(laptop, 'add', { members: [carol.account] })
    expect(story.offer(story.draft(alice, 'remove', { members: [carol.account] }), alice)).toMatchObject(refusedWith('account.log_rolled_back'))
    story.act(groupActor('alice', 2), 'remove', { members: [carol.account] })
  })

  it('is of now: not from the future, and new where it is offered', () => {
    const story = founded(bob)
    const draft = story.draft(alice, 'remove', { members: [bob.account] })
    expect(story.offer({ ...draft, atMs: story.nowMs + LIMITS.challengeMs + 1 }, alice, { mode: 'peer' })).toMatchObject(refusedWith('proof.not_yet_valid'))
    expect(story.offer({ ...draft, atMs: story.nowMs - LIMITS.challengeMs - 1 }, alice)).toMatchObject(refusedWith('proof.expired'))
    expect(story.offer({ ...draft, atMs: 0 }, alice, { mode: 'peer' })).toMatchObject({ status: 'applied' })
  })

  it('is refused by its bytes: unknown fields, kinds and roles, lists out of order, too much', () => {
    const story = founded(bob)
    const { entry } = story.seal(story.draft(alice, 'add', { members: listedMembers([carol.account, dora.account]) }), alice)
    const code = (attempt: () => unknown): string => {
      try {
        attempt()
        return 'accepted'
      } catch (cause) {
        if (isEvegramError(cause)) return cause.code
        throw cause
      }
    }
    const members = entry.kind === 'add' ? entry.body.members : []
    const strange: readonly MembershipEntry[] = [
      { ...entry, kind: 'add', body: { members: [...members].reverse() } }, { ...entry, kind: 'add', body: { members: [dora.account, dora.account] } },
      { ...entry, kind: 'remove', body: { members: [] } }, { ...entry, signature: new Uint8Array(63) }, { ...entry, prev: new Uint8Array(31) },
      // Only a reader of bytes can meet a role that the type does not have.
      { ...entry, kind: 'role', body: { member: bob.account, role: 'king' as GroupRole } },
      { ...entry, kind: 'add', body: { members: Array.from({ length: LIMITS.membershipChangesMax + 1 }, (_, index) => account(index)) } },
    ]
    for (const changed of strange) expect(code(() => encodeMembershipEntry(changed))).toBe('invalid.membership_entry')
    expect(code(() => decodeMembershipEntry(new Uint8Array(LIMITS.membershipEntryBytesMax + 1)))).toBe('too_large.membership_entry')
    expect(code(() => decodeMembershipEntry(encodeCbor({ v: 1 })))).toBe('invalid.membership_entry')
    expect(code(() => decodeMembershipEntry(Uint8Array.of(0xff)))).toBe('invalid.cbor')
    expect(applyMembershipEntry(story.state, Uint8Array.of(0xff), story.context)).toMatchObject(refusedWith('invalid.cbor'))
  })

  it('with as many members as it may have fits its limit', () => {
    const story = founded(bob)
    const crowd = Array.from({ length: LIMITS.membershipChangesMax }, (_, index) => account(index + 1))
    expect(story.seal(story.draft(alice, 'add', { members: crowd }), alice).bytes.length).toBeLessThan(LIMITS.membershipEntryBytesMax)
  })
})

describe('a full log', () => {
  it('still takes those who go, so that a removal never fails for want of room', () => {
    const story = founded(bob, carol)
    story.state = { ...story.state, seq: LIMITS.membershipEntriesMax }
    expect(story.offer(story.draft(alice, 'add', { members: [dora.account] }), alice)).toMatchObject(refusedWith('group.log_full'))
    expect(story.offer(story.draft(alice, 'role', { member: bob.account, role: 'owner' }), alice)).toMatchObject(refusedWith('group.log_full'))
    story.act(alice, 'remove', { members: [bob.account] })
    story.act(carol, 'leave', {})
  })
})

describe('groupMembershipHash', () => {
  it('differs between any two histories of a group, and from that of a direct conversation', () => {
    const story = founded(bob, carol)
    const before = story.state
    story.act(alice, 'remove', { members: [carol.account] })
    story.act(alice, 'add', { members: [carol.account] })
    expect(groupMembers(story.state)).toEqual(groupMembers(before))
    expect(groupMembershipHash(story.state)).not.toEqual(groupMembershipHash(before))
  })
})

// ---- random histories against a model that knows the rules in other words

type Action =
  | { readonly do: 'add' | 'remove'; readonly by: number; readonly whom: readonly number[] }
  | { readonly do: 'leave'; readonly by: number }
  | { readonly do: 'role'; readonly by: number; readonly whom: number; readonly role: GroupRole }

const PEOPLE = everyone.length
const person = fc.nat(PEOPLE - 1)
const people = fc.uniqueArray(person, { minLength: 1, maxLength: 3 })
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ do: fc.constantFrom('add' as const, 'remove' as const), by: person, whom: people }),
  fc.record({ do: fc.constant('leave' as const), by: person }),
  fc.record({ do: fc.constant('role' as const), by: person, whom: person, role: fc.constantFrom(...GROUP_ROLES) }),
)

/** The ranks after the action, or undefined where it is not allowed. Ranks: 2 owner, 1 admin, 0 member, -1 nobody. */
function allowed(ranks: readonly number[], step: Action): readonly number[] | undefined {
  const rank = ranks[step.by] ?? -1
  const after = [...ranks]
  if (rank < 0) return undefined
  if (step.do === 'leave') after[step.by] = -1
  else if (step.do === 'role') {
    const wanted = 2 - GROUP_ROLES.indexOf(step.role)
    if (rank < 2 || (ranks[step.whom] ?? -1) < 0 || ranks[step.whom] === wanted) return undefined
    after[step.whom] = wanted
  } else {
    for (const one of step.whom) {
      const theirs = ranks[one] ?? -1
      const fits = step.do === 'add' ? theirs < 0 : theirs >= 0 && one !== step.by && (rank === 2 || theirs === 0)
      if (rank < 1 || !fits) return undefined
      after[one] = step.do === 'add' ? 0 : -1
    }
  }
  const left = after.filter((one) => one >= 0)
  return left.length === 0 || left.includes(2) ? after : undefined
}

const actor = (index: number): GroupActor => everyone[index] ?? alice
const listed = (indexes: readonly number[]): AccountId[] => listedMembers(indexes.map((index) => actor(index).account))

function ranksOf(state: GroupState): number[] {
  return everyone.map((one) => {
    const role = roleOf(state, one.account)
    return role === undefined ? -1 : 2 - GROUP_ROLES.indexOf(role)
  })
}

describe('random histories', () => {
  it('are applied exactly as a plain model says, and always have an owner', () => {
    fc.assert(fc.property(fc.array(action, { maxLength: 14 }), (steps) => {
      const story = founded(bob)
      let ranks: readonly number[] = [2, 0, -1, -1]
      for (const step of steps) {
        const by = actor(step.by)
        const draft = step.do === 'leave' ? story.draft(by, 'leave', {})
          : step.do === 'role' ? story.draft(by, 'role', { member: actor(step.whom).account, role: step.role })
            : story.draft(by, step.do, { members: listed(step.whom) })
        const ended = groupEnded(story.state)
        const before = story.state
        const result = story.offer(draft, by)
        const expected = ended ? undefined : allowed(ranks, step)
        expect([step, result.status]).toEqual([step, expected === undefined ? 'refused' : 'applied'])
        if (result.status === 'refused') {
          expect(isErrorCode(result.code)).toBe(true)
          expect(story.state).toBe(before)
        } else expect(story.state.seq).toBe(before.seq + 1)
        ranks = expected ?? ranks
        expect(ranksOf(story.state)).toEqual(ranks)
      }
      const replayed = verifyMembershipLog(story.state.conversation, story.entries, { ...story.context, mode: 'peer' })
      expect(replayed).toMatchObject({ status: 'applied', state: story.state })
      expect(decodeGroupState(encodeGroupState(story.state))).toEqual(story.state)
    }), { numRuns: 150 })
    // It computes: half a minute, the bound of tests, is not much on a busy machine.
  }, 120_000)

  it('lose their validity with any byte changed, cut or added', () => {
    const story = founded(bob)
    const { bytes } = story.seal(story.draft(alice, 'add', { members: [carol.account] }), alice)
    expect(applyMembershipEntry(story.state, bytes, story.context).status).toBe('applied')
    fc.assert(fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const altered = bytes.slice()
      altered[at] = (altered[at] ?? 0) ^ change
      expect(applyMembershipEntry(story.state, altered, story.context).status).toBe('refused')
      expect(applyMembershipEntry(story.state, bytes.slice(0, at), story.context).status).toBe('refused')
    }), { numRuns: 300 })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      expect(applyMembershipEntry(story.state, noise, story.context).status).toBe('refused')
    }))
  })

  it('cannot be shortened, reordered or begun in the middle', () => {
    const story = founded(bob)
    story.act(alice, 'add', { members: [carol.account] })
    story.act(bob, 'leave', {})
    const [first, second, third] = story.entries as [Uint8Array, Uint8Array, Uint8Array]
    const context = { ...story.context, mode: 'peer' as const }
    for (const entries of [[first, third], [second, third], [first, third, second], [first, first]]) {
      expect(verifyMembershipLog(story.state.conversation, entries, context)).toMatchObject(refusedWith('group.log_invalid'))
    }
    expect(sealMembershipEntry(decodeMembershipEntry(first), new Uint8Array(64)).head).not.toEqual(story.state.head)
    expect(membershipEntryHash(decodeMembershipEntry(first))).toHaveLength(32)
  })
})
