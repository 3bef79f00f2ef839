import { parseAccountId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeLedgerEvent, type OperatorAct } from '../../ledger/event.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { verifyLedger } from '../../ledger/verify.js'
import { payoutIdOf } from './payout.js'
import { PROPOSAL_MS, PROPOSALS_MAX, type DecisionWord, type PayoutDecisions } from './payout-decisions.js'

/** Decisions under test, as two processes see them, beside the ledger that has their audit trail. */
export interface DecisionsSubject {
  readonly one: PayoutDecisions
  readonly other: PayoutDecisions
  readonly ledger: LedgerStore
  /** Lets time of the ledger pass. */
  readonly pass: (ms: number) => void
  close(): Promise<void>
}

/** The promises of {@link PayoutDecisions}, run by every adapter. `setup` gives an empty store on an empty ledger. */
export function describePayoutDecisions(adapter: { readonly name: string; readonly setup: () => Promise<DecisionsSubject> }): void {
  const alice = parseAccountId('a'.repeat(32))
  const rent = payoutIdOf(alice, 'rent')
  const word = (person: string, changes: Partial<DecisionWord> = {}): DecisionWord => ({ payout: rent, version: 7, words: '{"status":"paid","fee":"5"}', person, alone: false, ...changes })

  // On a server each word is synced.
  describe(`PayoutDecisions: ${adapter.name}`, { timeout: 120_000 }, () => {
    let subject: DecisionsSubject
    beforeEach(async () => {
      subject = await adapter.setup()
    })
    afterEach(async () => {
      await subject.close()
    })

    async function trail(): Promise<readonly (readonly [string, string])[]> {
      const acts = (await subject.ledger.events(0, 1_024)).map(({ bytes }) => decodeLedgerEvent(bytes).change).filter((change): change is OperatorAct => change.kind === 'operator_act')
      return acts.map(({ act, person }) => [act, person])
    }

    it('needs the same words of two people, through whichever process, and writes both into the audit trail', async () => {
      const { one, other, ledger } = subject
      expect(await one.say(word('olga'))).toBe('proposed')
      expect(await other.say(word('olga'))).toBe('same_person')
      expect(await other.approved(10)).toEqual([])
      expect(await other.say(word('oleg'))).toBe('approved')
      expect(await one.approved(10)).toMatchObject([{ payout: rent, version: 7, words: word('').words, proposedBy: 'olga', approvedBy: 'oleg' }])
      expect(await trail()).toEqual([['proposed', 'olga'], ['approved', 'oleg']])
      expect((await ledger.events(0, 10)).map(({ bytes }) => decodeLedgerEvent(bytes).change)).toMatchObject([{ subject: `payout:${rent}` }, { words: word('').words }])
      expect(await verifyLedger(ledger)).toMatchObject({ status: 'sound', head: { number: 2 } })
    })

    it('keeps what was decided until it is done, and says so however often it is asked', async () => {
      const { one, other } = subject
      await one.say(word('olga'))
      await one.say(word('oleg'))
      for (const person of ['olga', 'oleg', 'otto']) expect(await other.say(word(person))).toBe('approved')
      expect(await other.say(word('otto', { words: 'something else' }))).toBe('decided_otherwise')
      expect(await trail()).toHaveLength(2)
      await other.done(rent, 6)
      expect(await one.approved(10)).toHaveLength(1)
      await other.done(rent, 7)
      expect(await one.approved(10)).toEqual([])
      await other.done(rent, 7)
    })

    it('begins anew with other words, and with another version of the payout', async () => {
      const { one, other } = subject
      await one.say(word('olga'))
      expect(await other.say(word('oleg', { words: 'something else' }))).toBe('proposed')
      expect(await other.say(word('oleg'))).toBe('proposed')
      expect(await one.say(word('oleg', { version: 8 }))).toBe('proposed')
      expect(await one.say(word('olga'))).toBe('outdated')
      expect(await one.say(word('olga', { version: 8 }))).toBe('approved')
      expect(await one.say(word('olga', { version: 9 }))).toBe('proposed')
      expect(await one.approved(10)).toEqual([])
      expect(await verifyLedger(subject.ledger)).toMatchObject({ status: 'sound' })
    })

    it('shows the proposals that wait, the oldest first, and nothing else', async () => {
      const { one, other } = subject
      expect(await one.waiting()).toEqual([])
      const [two, decided] = [{ payout: payoutIdOf(alice, 'two') }, { payout: payoutIdOf(alice, 'decided') }]
      await one.say(word('olga', decided))
      await one.say(word('oleg', decided))
      await one.say(word('olga'))
      subject.pass(1_000)
      await one.say(word('oleg', two))
      expect((await other.waiting()).map(({ payout, proposedBy, words }) => [payout, proposedBy, words])).toEqual([[rent, 'olga', word('').words], [two.payout, 'oleg', word('').words]])
      expect(await trail()).toHaveLength(4)
      subject.pass(PROPOSAL_MS - 1_000)
      expect((await other.waiting()).map(({ payout }) => payout)).toEqual([two.payout])
      await one.say(word('olga', two))
      expect(await other.waiting()).toEqual([])
    })

    it('lets one person decide alone where that is asked for', async () => {
      expect(await subject.one.say(word('olga', { alone: true }))).toBe('approved')
      expect(await subject.other.approved(10)).toMatchObject([{ proposedBy: 'olga', approvedBy: 'olga' }])
      expect(await trail()).toEqual([['decided_alone', 'olga']])
    })

    it('makes one decision of what several say at once', async () => {
      const { one, other } = subject
      const said = await Promise.all([one, other, one, other].map((decisions, index) => decisions.say(word(`person-${String(index)}`))))
      expect([...said].sort()).toEqual(['approved', 'approved', 'approved', 'proposed'])
      expect((await trail()).map(([act]) => act)).toEqual(['proposed', 'approved'])
    })

    it('forgets a proposal after its time, and never a decision', async () => {
      const { one, other } = subject
      await one.say(word('olga'))
      const decided = { payout: payoutIdOf(alice, 'decided') }
      await one.say(word('olga', decided))
      await one.say(word('oleg', decided))
      subject.pass(PROPOSAL_MS)
      expect(await other.say(word('oleg'))).toBe('proposed')
      expect(await other.say(word('olga'))).toBe('approved')
      expect((await other.approved(10)).map(({ payout }) => payout).sort()).toEqual([decided.payout, rent].sort())
      expect(await other.approved(1)).toHaveLength(1)
    })

    it('forgets the oldest of too many proposals, and never a decision', async () => {
      const { one, other } = subject
      const decided = { payout: payoutIdOf(alice, 'decided') }
      await one.say(word('olga', decided))
      await one.say(word('oleg', decided))
      for (let count = 0; count <= PROPOSALS_MAX; count++) {
        subject.pass(1)
        await one.say(word('olga', { payout: payoutIdOf(alice, String(count)) }))
      }
      expect(await other.say(word('oleg', { payout: payoutIdOf(alice, '1') }))).toBe('approved')
      expect(await other.say(word('oleg', { payout: payoutIdOf(alice, '0') }))).toBe('proposed')
      expect((await other.approved(10)).map(({ payout }) => payout)).toContain(decided.payout)
    })
  })
}
