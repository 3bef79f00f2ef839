import { ManualClock } from '@evegram/platform'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideExpiries, decideTransfers } from '../../ledger/decide.js'
import { amountOf } from '../../ledger/amount.js'
import { expiryTransferId, parsePurpose } from '../../ledger/ids.js'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import type { ReservingRequest } from '../../ledger/transfer.js'
import { accountAt, accountsOf, fundingOf, historySubmissions, idOf, submissionOf } from './history.js'

describe('decideTransfers', () => {
  it('decides submissions that are joined as it decides them one after the other', async () => {
    await fc.assert(fc.asyncProperty(fc.array(historySubmissions, { minLength: 2, maxLength: 12 }), async (drawn) => {
      const ledger = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) })
      const store = ledger.connect()
      await store.openAccounts(accountsOf('h'))
      await store.submit(fundingOf('h', accountsOf('h')))
      const submissions = drawn.map((submission) => submissionOf('h', accountsOf('h'), submission, ledger.nowMs()))
      const place = { number: ledger.head.number + 1, nowMs: ledger.nowMs() }
      const joined = decideTransfers(ledger, submissions, place)
      const single = []
      for (const submission of submissions) single.push(await store.submit(submission))
      expect(joined.results).toEqual(single)
      expect(joined.transfers).toEqual(await store.transfers(joined.transfers.map(({ id }) => id)))
      expect(ledger.head.number).toBe(place.number - 1 + joined.transfers.length)
    }), { numRuns: 1_000 })
  })
})

describe('decideExpiries', () => {
  it('ends only what is pending, over, and not ended yet, whatever it is asked to end', async () => {
    const clock = new ManualClock()
    const ledger = new MemoryLedger({ clock, ledger: '00'.repeat(16) })
    const store = ledger.connect()
    const accounts = accountsOf('h')
    await store.openAccounts(accounts)
    await store.submit(fundingOf('h', accounts))
    const nowMs = clock.now()
    const hold = (id: number, expiresAtMs?: number): ReservingRequest => ({
      kind: 'pending', id: idOf('h', id), debit: accountAt(accounts, 3).id, credit: accountAt(accounts, 4).id, amount: amountOf(1n), purpose: parsePurpose('test'), expiresAtMs,
    })
    await store.submit({ linked: false, transfers: [
      hold(1, nowMs + 1), hold(2, nowMs + 2), hold(3), hold(4, nowMs + 1), { kind: 'void', id: idOf('h', 5), pending: idOf('h', 4) },
      { ...hold(6), kind: 'transfer' },
    ] })
    const asked = [1, 2, 3, 4, 5, 6, 7].map((id) => idOf('h', id))
    const ended = decideExpiries(ledger, asked, { number: ledger.head.number + 1, nowMs: nowMs + 1 })
    expect(ended.map(({ id, number }) => [id, number])).toEqual([[expiryTransferId(idOf('h', 1)), ledger.head.number + 1]])
  })
})
