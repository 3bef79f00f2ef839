import type { AccountId, ConversationId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EnvelopeLog } from './envelope-log.js'
import { MARK_HOUR_MS, type Marks } from './marks.js'
import { sampleAccount, sampleConversation, sampleEnvelope } from './sample-envelope.contract.js'

/** Marks under test, with the log that writes them. */
export interface MarksSubject {
  readonly log: EnvelopeLog
  readonly marks: Marks
  close(): Promise<void>
}

const T0 = Math.floor(1_780_000_000_000 / MARK_HOUR_MS) * MARK_HOUR_MS
const ALL = 1_000

/** The promises of {@link Marks}, run by every adapter. `setup` gives a fresh, empty store. */
export function describeMarks(adapter: { readonly name: string; readonly setup: () => Promise<MarksSubject> }): void {
  const [alice, bob, carol] = [sampleAccount(1), sampleAccount(2), sampleAccount(3)]

  describe(`Marks: ${adapter.name}`, () => {
    let subject: MarksSubject
    let number = 0
    beforeEach(async () => {
      subject = await adapter.setup()
    })
    afterEach(async () => {
      await subject.close()
    })

    const append = async (conversation: ConversationId, timeMs: number, accounts: readonly AccountId[]): Promise<void> => {
      number++
      const envelope = sampleEnvelope({ conversation, number })
      await subject.log.append({ conversation, envelope, position: { timeMs, incarnation: 1, counter: number } }, accounts)
    }

    it('names the conversation to every account of the append as soon as it resolved, and to nobody else', async () => {
      await append(sampleConversation(1), T0 + 5, [alice, bob])
      expect(await subject.marks.since(alice, T0, ALL)).toEqual([sampleConversation(1)])
      expect(await subject.marks.since(bob, T0, ALL)).toEqual([sampleConversation(1)])
      expect(await subject.marks.since(carol, T0, ALL)).toEqual([])
    })

    it('counts by whole hours: a cursor inside the hour still sees what came earlier in it', async () => {
      await append(sampleConversation(1), T0 + 5, [alice])
      expect(await subject.marks.since(alice, T0 + MARK_HOUR_MS - 1, ALL)).toEqual([sampleConversation(1)])
      expect(await subject.marks.since(alice, 0, ALL)).toEqual([sampleConversation(1)])
    })

    it('leaves out conversations whose last envelope is from an earlier hour', async () => {
      await append(sampleConversation(1), T0, [alice])
      await append(sampleConversation(2), T0 + 2 * MARK_HOUR_MS, [alice])
      expect(await subject.marks.since(alice, T0 + 2 * MARK_HOUR_MS, ALL)).toEqual([sampleConversation(2)])
    })

    it('names a conversation of many hours and many appends once', async () => {
      for (let hour = 0; hour < 4; hour++) {
        for (let round = 0; round < 3; round++) await append(sampleConversation(1), T0 + hour * MARK_HOUR_MS + round, [alice])
      }
      expect(await subject.marks.since(alice, T0, ALL)).toEqual([sampleConversation(1)])
    })

    it('marks for an account that joins within an hour that others were marked in', async () => {
      await append(sampleConversation(1), T0, [alice])
      await append(sampleConversation(1), T0 + 1, [alice, bob])
      await append(sampleConversation(1), T0 + 2, [carol])
      expect(await subject.marks.since(bob, T0, ALL)).toEqual([sampleConversation(1)])
      expect(await subject.marks.since(carol, T0, ALL)).toEqual([sampleConversation(1)])
    })

    it('marks an hour again that was left: clocks of nodes differ', async () => {
      await append(sampleConversation(1), T0 + MARK_HOUR_MS, [alice])
      await append(sampleConversation(1), T0, [alice, bob])
      expect(await subject.marks.since(alice, T0 + MARK_HOUR_MS, ALL)).toEqual([sampleConversation(1)])
      expect(await subject.marks.since(bob, T0, ALL)).toEqual([sampleConversation(1)])
    })

    it('marks for each account of appends that were made in one tick', async () => {
      await Promise.all([
        append(sampleConversation(1), T0, [alice]), append(sampleConversation(1), T0, [bob]), append(sampleConversation(1), T0, [alice, carol]),
      ])
      for (const account of [alice, bob, carol]) expect(await subject.marks.since(account, T0, ALL)).toEqual([sampleConversation(1)])
    })

    it('pages in id order, each conversation once', async () => {
      const count = 23
      await Promise.all(Array.from({ length: count }, (_, index) =>
        append(sampleConversation(index), T0 + (index % 3) * MARK_HOUR_MS, [alice, index % 2 === 0 ? bob : carol])))
      const paged: ConversationId[] = []
      for (let after: ConversationId | undefined; ;) {
        const page = await subject.marks.since(alice, T0, 5, after)
        expect(page.length).toBeLessThanOrEqual(5)
        if (page.length === 0) break
        paged.push(...page)
        after = page.at(-1)
      }
      expect(paged).toEqual(Array.from({ length: count }, (_, index) => sampleConversation(index)))
    })
  })
}
