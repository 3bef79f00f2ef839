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

    const append = async (conversation: ConversationId, timeMs: number, inboxes: readonly (AccountId | ConversationId)[]): Promise<void> => {
      number++
      const envelope = sampleEnvelope({ conversation, number })
      await subject.log.append({ conversation, envelope, position: { timeMs, incarnation: 1, counter: number } }, inboxes)
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

    it('names a wide conversation by its own mark, to those who joined it alone', async () => {
      const wide = sampleConversation(1)
      await subject.marks.join(wide, [alice, bob], 3)
      expect(await subject.marks.since(alice, T0, ALL)).toEqual([])
      await append(wide, T0 + 5, [wide])
      expect(await subject.marks.since(alice, T0, ALL)).toEqual([wide])
      expect(await subject.marks.since(bob, T0 + MARK_HOUR_MS - 1, ALL)).toEqual([wide])
      expect(await subject.marks.since(carol, T0, ALL)).toEqual([])
      expect(await subject.marks.since(alice, T0 + MARK_HOUR_MS, ALL)).toEqual([])
      await append(wide, T0 + 2 * MARK_HOUR_MS, [wide])
      expect(await subject.marks.since(alice, T0 + MARK_HOUR_MS, ALL)).toEqual([wide])
      // Who joins finds what came before too: more is asked of nobody, less would miss what came while it was joined.
      await subject.marks.join(wide, [carol], 4)
      expect(await subject.marks.since(carol, T0, ALL)).toEqual([wide])
    })

    it('finds a mark of a wide conversation of many days, whichever hour is asked for', async () => {
      const wide = sampleConversation(1)
      await subject.marks.join(wide, [alice], 1)
      for (const day of [0, 1, 5]) await append(wide, T0 + day * 24 * MARK_HOUR_MS, [wide])
      for (const hour of [0, 1, 25, 5 * 24]) expect(await subject.marks.since(alice, T0 + hour * MARK_HOUR_MS, ALL)).toEqual([wide])
      expect(await subject.marks.since(alice, T0 + (5 * 24 + 1) * MARK_HOUR_MS, ALL)).toEqual([])
    })

    it('names what an account was marked for and what it joined together, each once', async () => {
      const [narrow, wide, both] = [sampleConversation(1), sampleConversation(2), sampleConversation(3)]
      await append(narrow, T0, [alice])
      await append(both, T0, [alice])
      await subject.marks.join(wide, [alice], 1)
      await subject.marks.join(both, [alice], 1)
      await append(wide, T0, [wide])
      await append(both, T0, [both])
      expect(await subject.marks.since(alice, T0, ALL)).toEqual([narrow, wide, both])
      expect(await subject.marks.since(alice, T0, 2)).toEqual([narrow, wide])
      expect(await subject.marks.since(alice, T0, 2, wide)).toEqual([both])
    })

    it('does not name a wide conversation for hours after the account left it', async () => {
      const wide = sampleConversation(1)
      await subject.marks.join(wide, [alice, bob], 1)
      await append(wide, T0, [wide])
      await subject.marks.leave(wide, [alice], 2, T0 + MARK_HOUR_MS)
      await append(wide, T0 + 3 * MARK_HOUR_MS, [wide])
      expect(await subject.marks.since(alice, T0, ALL)).toEqual([wide])
      expect(await subject.marks.since(alice, T0 + MARK_HOUR_MS, ALL)).toEqual([wide])
      expect(await subject.marks.since(alice, T0 + 2 * MARK_HOUR_MS, ALL)).toEqual([])
      expect(await subject.marks.since(bob, T0 + 2 * MARK_HOUR_MS, ALL)).toEqual([wide])
    })

    it('knows the wide conversations of an account', async () => {
      const [one, two] = [sampleConversation(1), sampleConversation(2)]
      expect(await subject.marks.wideOf(alice)).toEqual([])
      await subject.marks.join(two, [alice, bob], 1)
      await subject.marks.join(one, [alice], 1)
      await subject.marks.join(one, [], 1)
      expect([...await subject.marks.wideOf(alice)].sort()).toEqual([one, two])
      await subject.marks.leave(two, [alice], 2, T0)
      await subject.marks.leave(one, [], 2, T0)
      expect(await subject.marks.wideOf(alice)).toEqual([one])
      expect(await subject.marks.wideOf(bob)).toEqual([two])
    })

    it('goes by the version of the membership, in whatever order the writes come', async () => {
      const wide = sampleConversation(1)
      const { marks } = subject
      await marks.join(wide, [alice], 5)
      await marks.leave(wide, [alice], 4, T0)
      expect(await marks.wideOf(alice)).toEqual([wide])
      // Of one version a leave is what became of it: the join was written for a change that was not made.
      await marks.leave(wide, [alice], 5, T0)
      expect(await marks.wideOf(alice)).toEqual([])
      await marks.join(wide, [alice], 5)
      expect(await marks.wideOf(alice)).toEqual([])
      await marks.join(wide, [alice], 7)
      await marks.join(wide, [alice], 6)
      await marks.leave(wide, [alice], 6, T0)
      expect(await marks.wideOf(alice)).toEqual([wide])
    })

    it('lets two hundred and fifty-six accounts join at once', async () => {
      const wide = sampleConversation(1)
      const accounts = Array.from({ length: 256 }, (_, index) => sampleAccount(index))
      await subject.marks.join(wide, accounts, 1)
      await append(wide, T0, [wide])
      for (const account of [0, 100, 255]) expect(await subject.marks.since(sampleAccount(account), T0, ALL)).toEqual([wide])
    })

    it('pages through many wide conversations in id order, quiet ones left out', async () => {
      const count = 90
      const all = Array.from({ length: count }, (_, index) => sampleConversation(index))
      await Promise.all(all.map((conversation) => subject.marks.join(conversation, [alice], 1)))
      const busy = all.filter((_, index) => index % 3 !== 1)
      await Promise.all(busy.map((conversation, index) => append(conversation, T0, [index % 5 === 0 ? alice : conversation])))
      const paged: ConversationId[] = []
      for (let after: ConversationId | undefined; ;) {
        const page = await subject.marks.since(alice, T0, 7, after)
        expect(page.length).toBeLessThanOrEqual(7)
        if (page.length === 0) break
        paged.push(...page)
        after = page.at(-1)
      }
      expect(paged).toEqual(busy)
      expect(await subject.marks.since(alice, T0, ALL)).toEqual(busy)
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
