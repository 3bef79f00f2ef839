import { parseAccountId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseChainName, parseChainTxid, type SignedPayment } from '../../chain/chain-adapter.js'
import { somebody } from '../../chain/simulated/simulated-world.contract.js'
import { AMOUNT_MAX, amountOf } from '../../ledger/amount.js'
import { decodeLedgerEvent, type OperatorAct } from '../../ledger/event.js'
import { assetIdOf } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { payoutIdOf, type Payout, type PayoutChange, type PayoutTerms } from './payout.js'
import { moved } from './payout-flow.js'
import type { PayoutEvent } from './payout-states.js'
import { PAYOUTS_PAGE_MAX, type AccountPayouts, type PayoutBounds, type PayoutStore } from './payout-store.js'

/** Payouts under test. */
export interface PayoutsSubject {
  readonly payouts: PayoutStore & AccountPayouts
  /** Has the audit trail. */
  readonly ledger: Pick<LedgerStore, 'events'>
  close(): Promise<void>
}

/** The promises of {@link PayoutStore} and {@link AccountPayouts}, run by every adapter. `setup` gives a fresh, empty store. */
export function describePayoutStore(adapter: { readonly name: string; readonly setup: () => Promise<PayoutsSubject> }): void {
  const [alice, bob] = [parseAccountId('a'.repeat(32)), parseAccountId('b'.repeat(32))]
  const chain = parseChainName('simulated')
  const asset = assetIdOf(chain, 'play')
  const terms = (name: string, changes: Partial<PayoutTerms> = {}): PayoutTerms => ({
    id: payoutIdOf(changes.account ?? alice, name), chain, account: alice, asset, amount: amountOf(100n), to: somebody(name), memo: undefined,
    feeMax: amountOf(7n), taxMax: amountOf(5n), feeFrom: 'account', requestedBy: alice, ...changes,
  })
  const bounds: PayoutBounds = { amountMax: AMOUNT_MAX, sinceMs: 0, openMax: 16 }
  const payment = (txid: string): SignedPayment => ({
    chain, txid: parseChainTxid(txid), from: somebody('hot'), outputs: [{ to: somebody('one'), asset, amount: amountOf(100n) }], feeMax: amountOf(7n),
    signedAt: 5, expiry: { by: 'sequence', sequence: 3, lastHeight: 9 }, bytes: new Uint8Array([1, 2, 3]),
  })

  describe(`PayoutStore: ${adapter.name}`, () => {
    let subject: PayoutsSubject
    let payouts: PayoutStore & AccountPayouts
    beforeEach(async () => {
      subject = await adapter.setup()
      payouts = subject.payouts
    })
    afterEach(async () => {
      await subject.close()
    })

    const made = async (one: PayoutTerms, nowMs = 1_000): Promise<Payout> => {
      const result = await payouts.create(one, bounds, nowMs)
      if (result.status !== 'created') throw new Error(result.status)
      return result.payout
    }
    const go = async (payout: Payout, event: PayoutEvent, change: PayoutChange = {}): Promise<Payout> => {
      const next = moved(payout, event, change)!
      expect(await payouts.replace(next)).toBe(true)
      return next
    }

    it('makes a payout once, and knows its id for ever', async () => {
      const first = await made(terms('one', { memo: new Uint8Array([0, 255]) }))
      expect(first).toMatchObject({ state: 'requested', version: 1, createdMs: 1_000, expired: [] })
      expect(await payouts.get(first.id)).toEqual(first)
      expect(await payouts.create(terms('one', { memo: new Uint8Array([0, 255]), feeMax: amountOf(9n) }), bounds, 2_000)).toEqual({ status: 'exists', payout: first })
      for (const changes of [{ amount: amountOf(101n) }, { to: somebody('else') }, { memo: undefined }, { asset: assetIdOf(chain, 'other') }]) {
        expect((await payouts.create(terms('one', { memo: new Uint8Array([0, 255]), ...changes }), bounds, 2_000)).status).toBe('exists_with_different_fields')
      }
      expect(await payouts.get(payoutIdOf(bob, 'one'))).toBeUndefined()
    })

    it('keeps every field through every change', async () => {
      let payout = await made(terms('one', { amount: AMOUNT_MAX, feeFrom: 'house' }))
      payout = await go(payout, 'approval_needed')
      payout = await go(payout, 'approve', { approvedBy: 'olga@example.com' })
      payout = await go(await go(await go(payout, 'hold_over'), 'reserve'), 'sign', { payment: payment('tx-1') })
      expect(await payouts.get(payout.id)).toEqual(payout)
      payout = await go(payout, 'expire', { payment: undefined, expired: [parseChainTxid('tx-1')] })
      payout = await go(payout, 'sign', { payment: payment('tx-2') })
      expect(await payouts.get(payout.id)).toEqual(payout)
      payout = await go(payout, 'puzzle', { reason: 'received_differs' })
      payout = await go(payout, 'operator_decides', { outcome: { status: 'failed', fee: amountOf(3n), tax: amountOf(5n), reason: 'bounced' } })
      expect(await payouts.get(payout.id)).toEqual(payout)
      payout = await go(payout, 'book_failed', { reason: 'bounced' })
      expect(await payouts.get(payout.id)).toEqual(payout)
    })

    it('takes one of several changes that start from the same version', async () => {
      const payout = await made(terms('one'))
      const results = await Promise.all([1, 2, 3, 4].map(() => payouts.replace(moved(payout, 'cleared', {})!)))
      expect(results.filter(Boolean)).toHaveLength(1)
      expect(await payouts.replace({ ...payout, version: 4 })).toBe(false)
      expect(await payouts.replace({ ...payout, id: payoutIdOf(alice, 'nobody'), version: 2 })).toBe(false)
    })

    it('never changes what has ended', async () => {
      const ended = await go(await made(terms('one')), 'refuse', { reason: 'rejected' })
      expect(await payouts.replace({ ...ended, state: 'requested', version: ended.version + 1 })).toBe(false)
      expect(await payouts.get(ended.id)).toEqual(ended)
    })

    it('counts what an account asks for, also of payouts that are made at once', async () => {
      const tight = { ...bounds, amountMax: amountOf(250n), sinceMs: 500 }
      const results = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => payouts.create(terms(name), tight, 1_000)))
      expect(results.map(({ status }) => status).sort()).toEqual(['created', 'created', 'day_limit', 'day_limit', 'day_limit'])
      expect((await payouts.create(terms('x', { account: bob }), tight, 1_000)).status).toBe('created')
      expect((await payouts.create(terms('y', { asset: assetIdOf(chain, 'other') }), tight, 1_000)).status).toBe('created')
      // Older ones and refused ones do not count.
      const late = { ...tight, sinceMs: 1_001 }
      const one = await payouts.create(terms('f', { amount: amountOf(200n) }), late, 1_500)
      expect(one.status).toBe('created')
      expect((await payouts.create(terms('g', { amount: amountOf(200n) }), late, 1_600)).status).toBe('day_limit')
      if (one.status === 'created') await go(one.payout, 'refuse', { reason: 'rejected' })
      expect((await payouts.create(terms('g', { amount: amountOf(200n) }), late, 1_600)).status).toBe('created')
    })

    it('bounds the payouts of an account that are under way', async () => {
      const results = await Promise.all(['a', 'b', 'c'].map((name) => payouts.create(terms(name), { ...bounds, openMax: 2 }, 1_000)))
      expect(results.map(({ status }) => status).sort()).toEqual(['created', 'created', 'too_many_open'])
      const made = results.find((result) => result.status === 'created')
      if (made?.status === 'created') await go(made.payout, 'refuse', { reason: 'rejected' })
      expect((await payouts.create(terms('d'), { ...bounds, openMax: 2 }, 1_000)).status).toBe('created')
    })

    it('lists those of a chain and of some states in their order, page by page', async () => {
      const all = []
      for (const name of ['a', 'b', 'c', 'd']) all.push(await made(terms(name)))
      await made(terms('e', { chain: parseChainName('ton') }))
      const held = await go(all[1]!, 'cleared')
      const list = async (states: readonly Payout['state'][], after = 0, limit = 10): Promise<readonly string[]> =>
        (await payouts.list({ chain, states, after, limit })).map(({ id }) => id)
      expect(await list(['requested'])).toEqual([all[0]!.id, all[2]!.id, all[3]!.id])
      expect(await list(['requested', 'held'], 0, 2)).toEqual([all[0]!.id, held.id])
      expect(await list(['requested', 'held'], held.number)).toEqual([all[2]!.id, all[3]!.id])
      expect(await list(['paid'])).toEqual([])
      for (const limit of [0, PAYOUTS_PAGE_MAX + 1, 1.5]) await expect(payouts.list({ chain, states: ['paid'], after: 0, limit })).rejects.toMatchObject({ code: 'invalid.argument' })
    })

    it('lists those of an account, the newest first, page by page, on every chain', async () => {
      const all = []
      for (const name of ['a', 'b']) all.push(await made(terms(name)))
      all.push(await made(terms('c', { chain: parseChainName('ton') })))
      await made(terms('d', { account: bob }))
      const ended = await go(all[0]!, 'refuse', { reason: 'rejected' })
      const list = async (before?: number, limit = 10): Promise<readonly string[]> => (await payouts.ofAccount(alice, before, limit)).map(({ id }) => id)
      expect(await list()).toEqual([all[2]!.id, all[1]!.id, ended.id])
      expect(await list(undefined, 1)).toEqual([all[2]!.id])
      expect(await list(all[2]!.number, 1)).toEqual([all[1]!.id])
      expect(await list(ended.number)).toEqual([])
      for (const limit of [0, PAYOUTS_PAGE_MAX + 1]) await expect(payouts.ofAccount(alice, undefined, limit)).rejects.toMatchObject({ code: 'invalid.argument' })
    })

    const trail = async (): Promise<readonly OperatorAct[]> =>
      (await subject.ledger.events(0, 100)).map(({ bytes }) => decodeLedgerEvent(bytes).change).filter((change) => change.kind === 'operator_act')

    it('changes what a person attends to once, with the act in the audit trail, or neither', async () => {
      const payout = await made(terms('one'))
      const act = (person: string): OperatorAct => ({ kind: 'operator_act', act: 'payout_refused', person, subject: `payout:${payout.id}`, words: payout.state })
      const next = moved(payout, 'refuse', { reason: 'rejected' })!
      expect([...await Promise.all([payouts.attend(next, act('olga')), payouts.attend(next, act('olga'))])].sort()).toEqual([false, true])
      expect(await payouts.attend({ ...next, version: 3 }, act('oleg'))).toBe(false)
      expect([await payouts.get(payout.id), await trail()]).toEqual([next, [act('olga')]])
    })

    it('pauses a chain until it is resumed, and says in the audit trail who did', async () => {
      expect(await payouts.isPaused(chain)).toBe(false)
      await payouts.setPaused(chain, false, 'oleg')
      await payouts.setPaused(chain, true, 'olga')
      await payouts.setPaused(chain, true, 'oleg')
      expect([await payouts.isPaused(chain), await payouts.isPaused(parseChainName('ton'))]).toEqual([true, false])
      expect([await payouts.pausedFor(chain), await payouts.pausedFor(parseChainName('ton'))]).toEqual(['operator', undefined])
      await payouts.setPaused(chain, false, 'oleg')
      expect(await payouts.isPaused(chain)).toBe(false)
      // What changed nothing is not there.
      expect((await trail()).map(({ act, person, subject: about, words }) => [act, person, about, words])).toEqual([
        ['chain_paused', 'olga', `chain:${chain}`, 'not paused'], ['chain_resumed', 'oleg', `chain:${chain}`, 'operator'],
      ])
    })
  })
}
