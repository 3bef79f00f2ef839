import { directConversationIdOf } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Membership } from './membership.js'
import { sampleAccount, sampleConversation } from './sample-envelope.contract.js'

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

    it('still knows what was opened after it was closed and opened again, where it keeps anything', async () => {
      const opened = await subject.membership.openDirect(alice, bob)
      const membership = subject.reopen === undefined ? subject.membership : await subject.reopen()
      expect(await membership.get(opened.conversation)).toEqual(opened)
    })
  })
}
