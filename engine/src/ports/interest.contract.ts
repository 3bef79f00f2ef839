import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Interest, InterestEntry } from './interest.js'
import { sampleConversation } from './sample-envelope.contract.js'

/** Interest under test. */
export interface InterestSubject {
  readonly interest: Interest
  /** Lets time pass: on a test clock at once, on a real store by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

const TTL_MS = 1_000

/** The promises of {@link Interest}, run by every adapter. `setup` gives an empty store. */
export function describeInterest(adapter: { readonly name: string; readonly setup: () => Promise<InterestSubject> }): void {
  const [one, two, three] = [sampleConversation(1), sampleConversation(2), sampleConversation(3)]
  const entry = (fields: Partial<InterestEntry> = {}): InterestEntry => ({ conversation: one, incarnation: 1, registration: 10, ...fields })

  describe(`Interest: ${adapter.name}`, () => {
    let subject: InterestSubject
    let interest: Interest
    beforeEach(async () => {
      subject = await adapter.setup()
      interest = subject.interest
    })
    afterEach(async () => {
      await subject.close()
    })
    const nodesOf = async (...conversations: readonly (typeof one)[]): Promise<number[][]> =>
      (await interest.lookup(conversations)).map((nodes) => [...nodes].sort((left, right) => left - right))

    it('names the nodes of each conversation, in the order of the question', async () => {
      expect(await nodesOf(one, two)).toEqual([[], []])
      await interest.register([entry(), entry({ conversation: two })], TTL_MS)
      await interest.register([entry({ incarnation: 4_294_967_295 })], TTL_MS)
      expect(await nodesOf(one, three, two)).toEqual([[1, 4_294_967_295], [], [1]])
      expect(await nodesOf()).toEqual([])
    })

    it('names a node once, however often it registers', async () => {
      for (let registration = 1; registration <= 3; registration++) await interest.register([entry({ registration })], TTL_MS)
      expect(await nodesOf(one)).toEqual([[1]])
    })

    it('refreshes exactly what is registered and says what is absent', async () => {
      await interest.register([entry(), entry({ conversation: two, registration: 11 })], TTL_MS)
      expect(await interest.refresh([
        entry(), entry({ registration: 9 }), entry({ registration: 11 }), entry({ incarnation: 2 }), entry({ conversation: two, registration: 11 }), entry({ conversation: three }),
      ], TTL_MS)).toEqual(['found', 'absent', 'absent', 'absent', 'found', 'absent'])
      expect(await interest.refresh([], TTL_MS)).toEqual([])
    })

    it('does not take a registration that comes late for the newer one', async () => {
      await interest.register([entry({ registration: 11 })], TTL_MS)
      await interest.register([entry({ registration: 10 })], TTL_MS)
      expect(await interest.refresh([entry({ registration: 11 }), entry({ registration: 10 })], TTL_MS)).toEqual(['found', 'absent'])
    })

    it('lets the newer registration replace the older one', async () => {
      await interest.register([entry({ registration: 10 })], TTL_MS)
      await interest.register([entry({ registration: 11 })], TTL_MS)
      expect(await interest.refresh([entry({ registration: 10 }), entry({ registration: 11 })], TTL_MS)).toEqual(['absent', 'found'])
    })

    it('forgets an entry that is not refreshed within its time, and no other', async () => {
      await interest.register([entry()], TTL_MS)
      await interest.register([entry({ incarnation: 2 })], 3 * TTL_MS)
      await subject.advance(TTL_MS + 100)
      expect(await nodesOf(one)).toEqual([[2]])
      expect(await interest.refresh([entry(), entry({ incarnation: 2 })], TTL_MS)).toEqual(['absent', 'found'])
      await interest.register([entry({ registration: 1 })], TTL_MS)
      expect(await nodesOf(one)).toEqual([[1, 2]])
    })

    it('keeps an entry that is refreshed in time', async () => {
      await interest.register([entry()], TTL_MS)
      for (let round = 0; round < 3; round++) {
        await subject.advance(TTL_MS * 0.6)
        expect(await interest.refresh([entry()], TTL_MS)).toEqual(['found'])
      }
      expect(await nodesOf(one)).toEqual([[1]])
    })

    it('answers for many conversations at once', async () => {
      const conversations = Array.from({ length: 200 }, (_, index) => sampleConversation(index))
      await interest.register(conversations.map((conversation, index) => entry({ conversation, incarnation: 1 + (index % 3) })), TTL_MS * 20)
      expect(await nodesOf(...conversations)).toEqual(conversations.map((_, index) => [1 + (index % 3)]))
      expect(new Set(await interest.refresh(conversations.map((conversation, index) => entry({ conversation, incarnation: 1 + (index % 3) })), TTL_MS)))
        .toEqual(new Set(['found']))
    })
  })
}
