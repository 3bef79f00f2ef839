import { directConversationIdOf } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Membership } from './membership.js'
import { sampleAccount, sampleConversation } from './sample-envelope.contract.js'
import { sampleEntry, sampleGroup } from './sample-group.contract.js'

/** Membership under test. */
export interface MembershipSubject {
  readonly membership: Membership
  /** Ends this instance and opens the same data again; absent when nothing outlives the process. */
  readonly reopen?: () => Promise<Membership>
  close(): Promise<void>
}

/** The promises of {@link Membership}, run by every adapter. `setup` gives an empty store. */
export function describeMembership(adapter: { readonly name: string; readonly setup: () => Promise<MembershipSubject> }): void {
  const [alice, bob] = [sampleAccount(1), sampleAccount(2)]

  describe(`Membership: ${adapter.name}`, () => {
    let subject: MembershipSubject
    beforeEach(async () => {
      subject = await adapter.setup()
    })
    afterEach(async () => {
      await subject.close()
    })

    it('knows no conversation that nobody opened', async () => {
      expect(await subject.membership.get(sampleConversation(1))).toBeUndefined()
      expect(await subject.membership.get(directConversationIdOf(alice, bob))).toBeUndefined()
    })

    it('opens the direct conversation of two accounts at version 1, members in ascending order', async () => {
      const opened = await subject.membership.openDirect(bob, alice)
      expect(opened).toEqual({ conversation: directConversationIdOf(alice, bob), kind: 'direct', version: 1, members: [alice, bob] })
      expect(await subject.membership.get(opened.conversation)).toEqual(opened)
    })

    it('answers a second opening, from either side, with the one that stands', async () => {
      const opened = await subject.membership.openDirect(alice, bob)
      expect(await subject.membership.openDirect(alice, bob)).toEqual(opened)
      expect(await subject.membership.openDirect(bob, alice)).toEqual(opened)
    })

    it('opens notes to oneself with one member', async () => {
      expect((await subject.membership.openDirect(alice, alice)).members).toEqual([alice])
    })

    it('gives fifty openings at once the same answer', async () => {
      const opened = await Promise.all(Array.from({ length: 50 }, (_, index) =>
        index % 2 === 0 ? subject.membership.openDirect(alice, bob) : subject.membership.openDirect(bob, alice)))
      expect(new Set(opened.map((state) => JSON.stringify(state))).size).toBe(1)
    })

    it('stores a group with its first entry, and every change upon the version before', async () => {
      const { membership } = subject
      const id = sampleConversation(7)
      const [first, second] = [sampleGroup(id, 1, [bob, alice]), sampleGroup(id, 2, [bob])]
      expect(await membership.changeGroup(first, sampleEntry(1))).toEqual({ status: 'stored' })
      expect(await membership.get(id)).toEqual(first)
      expect(await membership.changeGroup(second, sampleEntry(2))).toEqual({ status: 'stored' })
      expect(await membership.get(id)).toEqual(second)
      expect(await membership.groupEntries(id, 0, 10)).toEqual([sampleEntry(1), sampleEntry(2)])
      expect(await membership.groupEntries(id, 1, 10)).toEqual([sampleEntry(2)])
      expect(await membership.groupEntries(id, 0, 1)).toEqual([sampleEntry(1)])
      expect(await membership.groupEntries(id, 2, 10)).toEqual([])
    })

    it('keeps whether a group is wide, with every version', async () => {
      const { membership } = subject
      const id = sampleConversation(12)
      for (const [version, wide] of [[1, false], [2, true], [3, true]] as const) {
        const group = sampleGroup(id, version, [alice, bob], wide)
        expect(await membership.changeGroup(group, sampleEntry(version))).toEqual({ status: 'stored' })
        expect(await membership.get(id)).toEqual(group)
      }
      const founded = sampleGroup(sampleConversation(13), 1, [alice, bob], true)
      await membership.changeGroup(founded, sampleEntry(1))
      expect(await membership.get(founded.conversation)).toEqual(founded)
    })

    it('stores no change upon another version, and then changes nothing', async () => {
      const { membership } = subject
      const id = sampleConversation(8)
      expect(await membership.changeGroup(sampleGroup(id, 2, [alice]), sampleEntry(2))).toEqual({ status: 'conflict' })
      expect(await membership.get(id)).toBeUndefined()
      const first = sampleGroup(id, 1, [alice, bob])
      await membership.changeGroup(first, sampleEntry(1))
      for (const version of [1, 3]) expect(await membership.changeGroup(sampleGroup(id, version, [bob]), sampleEntry(version, 9))).toEqual({ status: 'conflict' })
      expect(await membership.get(id)).toEqual(first)
      expect(await membership.groupEntries(id, 0, 10)).toEqual([sampleEntry(1)])
    })

    it('stores exactly one of fifty changes at once, with its own entry', async () => {
      const { membership } = subject
      const id = sampleConversation(9)
      for (let version = 1; version <= 3; version++) {
        const results = await Promise.all(Array.from({ length: 50 }, (_, author) =>
          membership.changeGroup(sampleGroup(id, version, [sampleAccount(author + 1)]), sampleEntry(version, author))))
        const [winner, ...others] = results.flatMap(({ status }, author) => (status === 'stored' ? [author] : []))
        expect(others).toEqual([])
        const state = await membership.get(id)
        expect(state).toEqual(sampleGroup(id, version, [sampleAccount((winner ?? 0) + 1)]))
        expect((await membership.groupEntries(id, version - 1, 1))[0]?.[0]).toBe(winner)
      }
    })

    it('keeps groups apart from each other and from direct conversations', async () => {
      const { membership } = subject
      const direct = await membership.openDirect(alice, bob)
      expect(await membership.changeGroup(sampleGroup(direct.conversation, 2, [alice]), sampleEntry(2))).toEqual({ status: 'conflict' })
      expect(await membership.changeGroup(sampleGroup(direct.conversation, 1, [alice]), sampleEntry(1))).toEqual({ status: 'conflict' })
      expect(await membership.openDirect(bob, alice)).toEqual(direct)
      expect(await membership.groupEntries(direct.conversation, 0, 10)).toEqual([])
      await membership.changeGroup(sampleGroup(sampleConversation(1), 1, [alice]), sampleEntry(1))
      expect(await membership.groupEntries(sampleConversation(2), 0, 10)).toEqual([])
    })

    it('gives the entries of a long log in order, page by page', async () => {
      const { membership } = subject
      const id = sampleConversation(10)
      for (let version = 1; version <= 300; version++) await membership.changeGroup(sampleGroup(id, version, [alice]), sampleEntry(version))
      const seen: number[] = []
      for (let page = await membership.groupEntries(id, 0, 48); page.length > 0; page = await membership.groupEntries(id, seen.length, 48)) {
        seen.push(...page.map((entry) => entry[1] ?? 0))
      }
      expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => (index + 1) & 0xff))
    }, 60_000)

    it('still knows a group and its log after it was closed and opened again, where it keeps anything', async () => {
      const group = sampleGroup(sampleConversation(11), 1, [bob, alice])
      await subject.membership.changeGroup(group, sampleEntry(1))
      const membership = subject.reopen === undefined ? subject.membership : await subject.reopen()
      expect(await membership.get(group.conversation)).toEqual(group)
      expect(await membership.groupEntries(group.conversation, 0, 10)).toEqual([sampleEntry(1)])
      expect(await membership.changeGroup(sampleGroup(group.conversation, 1, [alice]), sampleEntry(1))).toEqual({ status: 'conflict' })
    })

    it('still knows what was opened after it was closed and opened again, where it keeps anything', async () => {
      const opened = await subject.membership.openDirect(alice, bob)
      const membership = subject.reopen === undefined ? subject.membership : await subject.reopen()
      expect(await membership.get(opened.conversation)).toEqual(opened)
    })
  })
}
