import { describe, expect, it } from 'vitest'
import { chainAmountOf, NO_AMOUNT } from '../../chain/amount.js'
import { parseChainName, parseChainTxid, type ChainTransfer } from '../../chain/chain-adapter.js'
import { simulatedAddressOf } from '../../chain/simulated/address.js'
import { amountOf } from '../../ledger/amount.js'
import { assetIdOf, depositTransferId, parsePurpose, payoutTransferId, type TransferId } from '../../ledger/ids.js'
import { openingOf } from '../../ledger/account.js'
import type { Transfer } from '../../ledger/transfer.js'
import { custodyOf } from '../deposit/deposit-flow.js'
import { chainMovements, ledgerMovement, type Movement } from './movement.js'
import { halvesOf, TransferComparison, type ComparisonOptions } from './transfer-comparison.js'

const chain = parseChainName('simulated')
const asset = assetIdOf('simulated', 'play')
const other = assetIdOf('simulated', 'other')
const [txid, bounce] = [parseChainTxid('tx'), parseChainTxid('bounce')]

function open(changes: Partial<ComparisonOptions> = {}): TransferComparison {
  return new TransferComparison({ assets: new Set([asset]), share: { part: 0, of: 1 }, openMax: 10, linesMax: 10, ...changes })
}

function moved(subject: string, delta: bigint): Movement {
  return { asset, subject, delta }
}

function transfer(changes: Partial<ChainTransfer>): ChainTransfer {
  return {
    txid, index: 0, height: 1, address: simulatedAddressOf(new Uint8Array(1)), direction: 'in', asset, amount: chainAmountOf(5n), fee: NO_AMOUNT,
    from: undefined, memo: undefined, returnOf: undefined, ...changes,
  }
}

function booked(id: TransferId, changes: Partial<Transfer> = {}): Transfer {
  return {
    id, kind: 'transfer', debit: custodyOf(asset).id, credit: openingOf('equity', 'house', asset).id, asset, amount: amountOf(5n), purpose: parsePurpose('deposit'),
    expiresAtMs: undefined, ends: undefined, number: 1, atMs: 0, ...changes,
  }
}

describe('what moves', () => {
  it('takes what one transaction did between our addresses as one change, and a deposit beside it as its own', () => {
    const [left, came, elsewhere] = chainMovements([
      transfer({ direction: 'out', amount: chainAmountOf(7n) }), transfer({ index: 1 }), transfer({ index: 2, asset: other }),
    ])
    expect([left, came, elsewhere]).toEqual([moved('tx', -7n), moved('tx', 5n), { asset: other, subject: 'tx:2', delta: 5n }])
  })

  it('counts what came back with the payment that had sent it', () => {
    expect(chainMovements([transfer({ txid: bounce, returnOf: txid })])).toEqual([moved('tx', 5n)])
  })

  it('finds the deposit of what stands under the id of a conflict', () => {
    const id = depositTransferId(chain, 'tx', 1_000_000_004)
    expect(ledgerMovement(booked(id), chain)).toEqual({ status: 'movement', movement: moved('tx:4', 5n) })
  })

  it.each([
    ['a deposit of another chain', booked(depositTransferId('terra', 'tx', 0)), 5n],
    ['a deposit on accounts that are not custody', booked(depositTransferId(chain, 'tx', 0), { debit: openingOf('user', 'somebody', asset).id }), 0n],
    ['a payout without a reservation', booked(payoutTransferId(`${'a'.repeat(32)}.one`)), 5n],
    ['a payout with an id that no payout has', booked(payoutTransferId('one', 'post'), { kind: 'post' }), 5n],
  ])('does not know %s', (_name, entry, delta) => {
    expect(ledgerMovement(entry, chain)).toEqual({ status: 'unknown', delta })
  })

  it('leaves out what only reserves and what stays inside', () => {
    const id = depositTransferId(chain, 'tx', 0)
    for (const kind of ['pending', 'void', 'expire'] as const) expect(ledgerMovement(booked(id, { kind }), chain)).toEqual({ status: 'none' })
    const inside = booked(`u:${'a'.repeat(32)}:1` as TransferId, { debit: openingOf('user', 'somebody', asset).id })
    expect(ledgerMovement(inside, chain)).toEqual({ status: 'none' })
  })
})

describe('a comparison', () => {
  it('is settled by either side first', () => {
    const comparison = open()
    comparison.addChain([moved('a:0', 5n)])
    comparison.addLedger([moved('b:0', 6n), moved('a:0', 5n)])
    comparison.addChain([moved('b:0', 6n)])
    const { lines, totals } = comparison.finish()
    expect(lines).toEqual([])
    expect(totals.get(asset)).toMatchObject({ matched: 2, missing_on_chain: 0 })
  })

  it('judges a page as a whole: halves of a transaction may look equal in between', () => {
    const comparison = open()
    comparison.addChain([moved('tx', -105n)])
    comparison.addLedger([moved('tx', -105n), moved('tx', -5n)])
    expect(comparison.finish().lines).toEqual([{ kind: 'amount_differs', asset, subject: 'tx', chain: -105n, ledger: -110n }])
  })

  it('calls what is on one side alone by what it is', () => {
    const comparison = open()
    comparison.addChain([moved('in:0', 5n), moved('huge:0', 10n ** 38n), moved('out', -5n), moved('paid', -6n), moved('owed', -7n), moved('nothing', -1n), moved('nothing', 1n)])
    comparison.addLedger([moved('book:0', 5n)])
    comparison.explain(asset, 'paid', 'landed')
    comparison.explain(asset, 'owed', 'owed')
    const { lines, totals } = comparison.finish()
    expect(lines.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['missing_on_ledger', 'in:0'], ['unknown', 'huge:0'], ['unknown', 'out'], ['missing_on_ledger', 'owed'], ['missing_on_chain', 'book:0'],
    ])
    expect(totals.get(asset)).toMatchObject({ matched: 1, landed: 1, landedSum: -6n, missing_on_ledger: 2, missing_on_chain: 1, unknown: 2 })
  })

  it('uses blocks behind the compared ones only to explain what the ledger said', () => {
    const comparison = open()
    comparison.addLedger([moved('known:0', 5n), moved('wrong:0', 7n)])
    comparison.addChainAhead([moved('known:0', 5n), moved('wrong:0', 8n), moved('new:0', 9n)])
    const { lines, totals } = comparison.finish()
    expect(lines).toEqual([{ kind: 'amount_differs', asset, subject: 'wrong:0', chain: 8n, ledger: 7n }])
    expect(totals.get(asset)).toMatchObject({ ahead: 1, aheadSum: 13n, matched: 0 })
  })

  it('lists up to a bound and counts on', () => {
    const comparison = open({ linesMax: 2 })
    for (const subject of ['a', 'b', 'c']) comparison.addUnknown(asset, subject, 1n)
    const { lines, totals } = comparison.finish()
    expect(lines).toHaveLength(2)
    expect(totals.get(asset)?.unknown).toBe(3)
  })

  it('looks at no other asset: anybody can make one', () => {
    const comparison = open()
    comparison.addChain([{ asset: other, subject: 'a:0', delta: 1n }])
    comparison.addUnknown(other, 'a', 1n)
    expect(comparison.finish()).toEqual({ lines: [], totals: new Map([[asset, expect.objectContaining({ missing_on_ledger: 0, unknown: 0 })]]) })
  })

  it('says when it holds more than it may, and which side is behind', () => {
    const comparison = open({ openMax: 1 })
    comparison.addChain([moved('a:0', 1n)])
    expect([comparison.isFull, comparison.behind, comparison.wantsExplanation, comparison.wantsChain]).toEqual([false, 'ledger', true, false])
    comparison.addLedger([moved('b:0', 1n), moved('c:0', 1n)])
    expect([comparison.isFull, comparison.behind, comparison.wantsChain]).toEqual([true, 'chain', true])
    comparison.addChain([moved('b:0', 1n), moved('c:0', 1n)])
    comparison.addLedger([moved('a:0', 1n)])
    expect([comparison.isFull, comparison.wantsExplanation, comparison.wantsChain]).toEqual([false, false, false])
  })

  it('is split into shares that hold every subject once', () => {
    const shares = halvesOf({ part: 0, of: 1 }).flatMap((share) => halvesOf(share)).map((share) => open({ share }))
    const owners = Array.from({ length: 400 }, (_, index) => shares.filter((share) => share.isMine(`subject ${String(index)}`)).length)
    expect(new Set(owners)).toEqual(new Set([1]))
    for (const share of shares) expect(Array.from({ length: 400 }, (_, index) => share.isMine(`subject ${String(index)}`)).filter(Boolean).length).toBeGreaterThan(40)
  })
})
