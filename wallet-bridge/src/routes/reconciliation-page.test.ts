import { PAGE_STYLE } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { parseChainName } from '../chain/chain-adapter.js'
import { noSums } from '../flows/reconcile/ledger-sums.js'
import type { AssetReconciliation, ReconciliationReport } from '../flows/reconcile/report.js'
import { noTotals } from '../flows/reconcile/transfer-comparison.js'
import { assetIdOf } from '../ledger/ids.js'
import { reconciliationPage, type ReconciliationPageFacts } from './reconciliation-page.js'

const asset = assetIdOf('solana', 'sol')
const facts: ReconciliationPageFacts = { chain: 'solana', nowMs: Date.UTC(2026, 10, 22, 2, 40, 0), units: new Map([[asset, { symbol: 'SOL', decimals: 9 }]]) }
const well: AssetReconciliation = {
  asset, totals: { ...noTotals(), matched: 1_204 }, ledger: { ...noSums(), custody: 152_400_000_000n, users: 151_000_500_000n }, onChain: { status: 'known', hot: 152_400_000_000n, cold: 0n },
  inFlight: 0n, balanceDifference: 0n, surplus: 1_399_500_000n,
}
const reportOf = (change: Partial<AssetReconciliation>, more: Partial<ReconciliationReport> = {}): ReconciliationReport =>
  ({ chain: parseChainName('solana'), after: 0, through: 3_120_450, event: 18_422, assets: [{ ...well, ...change }], lines: [], drift: false, ...more })
const pageOf = (report: ReconciliationReport): string => reconciliationPage(facts, { status: 'done', report })

describe('a reconciliation for people', () => {
  it('says first that chain and ledger agree, and writes amounts as people do', () => {
    const page = pageOf(reportOf({}))
    expect(page).toMatch(/^<!doctype html><html lang="en" data-status="done" data-drift="false">/)
    for (const part of ['Chain and ledger agree', '<style>' + PAGE_STYLE, 'Blocks 1 to 3,120,450', '1,204', '152.4 SOL', '151.0005 SOL', 'balance agrees', '2026-11-22 02:40:00 UTC']) expect(page).toContain(part)
    expect(page).not.toMatch(/is-bad"|class="verdict bad"|Differences/)
  })

  it('names every difference, of how many it shows the first, and what is owed without cover', () => {
    const lines = [
      { kind: 'missing_on_ledger' as const, asset, subject: '<img src=x>', chain: -1_500_000_000n, ledger: undefined },
      { kind: 'amount_differs' as const, asset, subject: 'tx2', chain: 1n, ledger: 2_000_000_000n },
    ]
    const page = pageOf(reportOf({ totals: { ...noTotals(), matched: 3, missing_on_ledger: 2_000, amount_differs: 1 }, balanceDifference: -120_000_000_000n, surplus: -1n }, { lines, drift: true }))
    expect(page).toContain('data-drift="true"')
    for (const part of ['Chain and ledger differ', 'We owe more than there is', 'the first 2 of 2,001', '<dd class="is-bad">2,000</dd>', '<dd class="is-bad">−120 SOL</dd>', '−0.000000001 SOL', '−1.5 SOL', 'nothing</td>', '2 SOL</td>']) {
      expect(page).toContain(part)
    }
    expect(page).not.toContain('<img')
    expect(page).toContain('&#60;img')
  })

  it('says what is not known, and leaves amounts of assets that it does not know in their smallest unit', () => {
    const other = assetIdOf('solana', 'other')
    const page = pageOf(reportOf({ asset: other, onChain: { status: 'unavailable' }, balanceDifference: undefined, surplus: undefined }))
    for (const part of ['balance not known', 'not known', '152,400,000,000 units']) expect(page).toContain(part)
    expect(reconciliationPage(facts, { status: 'too_different' })).toMatch(/data-status="too_different">.*More differs than can be told apart/s)
  })
})
