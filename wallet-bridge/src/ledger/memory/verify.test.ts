import { ManualClock } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { openingOf } from '../account.js'
import { amountOf } from '../amount.js'
import { sealEvents, type LedgerEvent } from '../event.js'
import { assetIdOf, parsePurpose, payoutTransferId } from '../ids.js'
import { verifyLedger } from '../verify.js'
import { MemoryLedger } from './ledger-store.js'

const asset = assetIdOf('solana', 'sol')
const purpose = parsePurpose('test')
const [hot, alice, bob] = [openingOf('hot', 'main', asset), openingOf('user', 'alice', asset), openingOf('user', 'bob', asset)]

/** A ledger of 700 events: more than one page. */
async function filled(): Promise<MemoryLedger> {
  const ledger = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) })
  const store = ledger.connect()
  await store.openAccounts([hot, alice, bob])
  await store.submit({ linked: false, transfers: Array.from({ length: 697 }, (_, index) => ({
    kind: 'transfer' as const, id: payoutTransferId(String(index)), debit: index % 2 === 0 ? hot.id : alice.id, credit: index % 2 === 0 ? alice.id : bob.id,
    amount: amountOf(1n), purpose,
  })) })
  return ledger
}

const change = (ledger: MemoryLedger, number: number, fields: Partial<LedgerEvent>): void => {
  const event = ledger.events[number - 1]
  if (event !== undefined) ledger.events[number - 1] = { ...event, ...fields }
}

describe('verifyLedger', () => {
  it('finds a ledger sound that nobody touched', async () => {
    const ledger = await filled()
    expect(await verifyLedger(ledger.connect())).toEqual({ status: 'sound', head: ledger.head, accounts: 3 })
  })

  it('names the first event that was changed', async () => {
    const ledger = await filled()
    change(ledger, 600, { hash: new Uint8Array(32) })
    const bytes = ledger.events[549]?.bytes.slice() ?? new Uint8Array()
    bytes[100] = (bytes[100] ?? 0) ^ 1
    change(ledger, 550, { bytes })
    expect(await verifyLedger(ledger.connect())).toMatchObject({ status: 'damaged', fault: 'event_changed', number: 550 })
  })

  it('names a gap in the events, and an event of another ledger', async () => {
    const ledger = await filled()
    ledger.events.splice(599, 1)
    expect(await verifyLedger(ledger.connect())).toMatchObject({ status: 'damaged', fault: 'chain_broken', number: 601 })
    const [one, other] = [await filled(), new MemoryLedger({ clock: new ManualClock(), ledger: '01'.repeat(16) })]
    await other.connect().openAccounts([hot])
    const [foreign] = other.events
    change(one, 1, foreign ?? {})
    expect(await verifyLedger(one.connect())).toMatchObject({ status: 'damaged', fault: 'chain_broken', number: 1 })
  })

  it('names a balance that was changed', async () => {
    const ledger = await filled()
    const account = ledger.accounts.get(bob.id)
    if (account !== undefined) ledger.accounts.set(bob.id, { ...account, creditsPosted: amountOf(account.creditsPosted + 1n) })
    expect(await verifyLedger(ledger.connect())).toMatchObject({ status: 'damaged', fault: 'account_differs', detail: expect.stringContaining('user:bob') as string })
  })

  it('names an account that is in no event, or only there', async () => {
    const ledger = await filled()
    const ghost = openingOf('user', 'ghost', asset)
    ledger.accounts.set(ghost.id, { ...ghost, closed: false, debitsPending: amountOf(0n), debitsPosted: amountOf(0n), creditsPending: amountOf(0n), creditsPosted: amountOf(0n) })
    expect(await verifyLedger(ledger.connect())).toMatchObject({ status: 'damaged', fault: 'account_differs' })
    ledger.accounts.delete(ghost.id)
    ledger.accounts.delete(bob.id)
    expect(await verifyLedger(ledger.connect())).toMatchObject({ status: 'damaged', fault: 'account_differs' })
  })

  it('names a transfer that was changed or taken away', async () => {
    const ledger = await filled()
    const id = payoutTransferId('300')
    const transfer = ledger.transfers.get(id)
    if (transfer !== undefined) ledger.transfers.set(id, { ...transfer, purpose: parsePurpose('other') })
    expect(await verifyLedger(ledger.connect())).toMatchObject({ status: 'damaged', fault: 'transfer_differs', number: 304 })
    ledger.transfers.delete(id)
    expect(await verifyLedger(ledger.connect())).toMatchObject({ status: 'damaged', fault: 'transfer_differs', number: 304 })
  })

  it('names a rule that an event breaks, though the chain is whole', async () => {
    const ledger = await filled()
    const forged = ledger.transfers.get(payoutTransferId('1'))
    if (forged === undefined) throw new Error('no transfer')
    const { events, head } = sealEvents(ledger.head, [{ ...forged, id: payoutTransferId('forged'), amount: amountOf(1_000n), number: 701 }], ledger.head.atMs)
    ledger.events.push(...events)
    ledger.head = head
    expect(await verifyLedger(ledger.connect())).toMatchObject({ status: 'damaged', fault: 'rule_broken', number: 701 })
  })

  it('names a chain that was made anew, or cut, when an event was noted outside', async () => {
    const [ledger, anew] = [await filled(), await filled()]
    const anchor = { number: 650, hash: ledger.events[649]?.hash ?? new Uint8Array() }
    expect(await verifyLedger(ledger.connect(), [anchor])).toMatchObject({ status: 'sound' })
    const other = new MemoryLedger({ clock: new ManualClock(1), ledger: '00'.repeat(16) })
    await other.connect().openAccounts([hot, alice, bob])
    expect(await verifyLedger(other.connect(), [anchor])).toMatchObject({ status: 'damaged', fault: 'head_differs', number: 650 })
    expect(await verifyLedger(anew.connect(), [{ ...anchor, hash: new Uint8Array(32) }])).toMatchObject({ status: 'damaged', fault: 'head_differs', number: 650 })
    anew.head = { ...anew.head, hash: new Uint8Array(32) }
    expect(await verifyLedger(anew.connect())).toMatchObject({ status: 'damaged', fault: 'head_differs', number: 700 })
  })
})
