import { decodeCbor, encodeCbor, parseAccountId, parseConversationId, type CborValue } from '@evegram/protocol'
import { expect, it } from 'vitest'
import { Transaction } from '../core/transaction.js'
import { MemoryStore } from '../store/memory.js'
import { listPayments, paymentKey, writePayment, type PaymentRow } from './payment-row.js'

const row: PaymentRow = {
  place: 1, conversation: parseConversationId('c'.repeat(32)), to: parseAccountId('b'.repeat(32)),
  payment: { transfer: 'rent', asset: 'simulated/play', amount: '5', note: 'lunch' }, unansweredAtMs: 7, paid: true, decidedAtMs: 5,
}

it('a payment is read as it was written, and one that an earlier version wrote is asked for again under its id', async () => {
  const store = new MemoryStore()
  const tx = new Transaction(store)
  writePayment(tx, row)
  await tx.commit()
  expect(await listPayments(store, 10)).toEqual([row])

  const bytes = await store.get('payments', paymentKey(row.place))
  // A row is a map.
  const { paid, decidedAtMs, ...before } = decodeCbor(bytes ?? new Uint8Array(), 8_192) as Readonly<Record<string, CborValue>>
  expect([paid, decidedAtMs]).toEqual([true, 5])
  await store.commit([{ table: 'payments', key: paymentKey(row.place), value: encodeCbor(before) }])
  expect(await listPayments(store, 10)).toEqual([{ ...row, paid: false, decidedAtMs: 0 }])
})
