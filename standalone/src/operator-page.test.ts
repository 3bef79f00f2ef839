import { amountOf, assetIdOf, parseChainName, type ChainStatus, type WallyAsset } from '@evegram/wallet-bridge'
import { describe, expect, it } from 'vitest'
import type { OperatorFacts } from './operator-facts.js'
import { concernsOf, operatorPage } from './operator-page.js'

const chain = parseChainName('simulated')
const asset: WallyAsset = { id: assetIdOf('simulated', 'play'), symbol: 'PLAY', decimals: 6, depositMin: amountOf(1n), foundingDayMax: amountOf(0n) }
const names = { domain: 'chat.example', version: '1.2.3' }
const NOW_MS = 1_800_000_000_000
const REPORT = { chain, after: 0, through: 119, event: 12, assets: [], lines: [], drift: false }
const status: ChainStatus = {
  chain, working: true, paused: false, pausedFor: undefined, hot: [{ asset: asset.id, held: 30_000_000n, topUpBelow: amountOf(1_000_000n) }], final: 120, booked: 119, open: { broadcast: 2 },
  reconciled: { atMs: NOW_MS - 600_000, answer: { status: 'done', report: REPORT } },
}
const well: OperatorFacts = {
  nowMs: NOW_MS, events: 12, isWhole: true, assets: [{ asset, custody: 30_000_000n, users: 25_500_000n, reserved: 500_000n, suspense: 0n }], chains: [status],
  lags: { statements: 0, notices: 0, relay: 0 }, alarms: [],
}
const withChain = (change: Partial<ChainStatus>): OperatorFacts => ({ ...well, chains: [{ ...status, ...change }] })
const withSums = (change: Partial<OperatorFacts['assets'][number]>): OperatorFacts => ({ ...well, assets: [{ ...well.assets[0]!, ...change }] })
const alarm = { kind: 'top_up', chain, subject: '<script>alert(1)</script>', reason: undefined, firstMs: 0, lastMs: well.nowMs - 60_000, times: 3 } as const

describe('the page for operators', () => {
  it('says that all is well, with what is held and owed as people write it', () => {
    const page = operatorPage(names, well)
    for (const part of ['All is well', '30 PLAY', '25.5 PLAY', '0.5 PLAY', '<b>2</b>broadcast', 'covers all that we owe', 'chat.example', '1 PLAY']) expect(page).toContain(part)
  })

  it.each<[string, OperatorFacts, 'bad' | 'warn', RegExp]>([
    ['sources that do not answer', withChain({ final: undefined }), 'warn', /do not answer/],
    ['deposits that are behind', withChain({ final: 1_000 }), 'warn', /881 blocks behind/],
    ['a hot wallet below its bound', withChain({ hot: [{ ...status.hot[0]!, held: 999_999n }] }), 'warn', /below its bound/],
    ['payouts that need a decision', withChain({ open: { needs_operator: 1 } }), 'bad', /need a decision: 1/],
    ['payouts that wait for approval', withChain({ open: { awaiting_approval: 1 } }), 'warn', /wait for approval: 1/],
    ['a pause', withChain({ paused: true, pausedFor: 'operator' }), 'warn', /payouts are paused$/],
    ['a pause of a restored ledger', withChain({ paused: true, pausedFor: 'restored' }), 'warn', /since the ledger was restored/],
    ['a chain that nobody works on', withChain({ working: false }), 'warn', /does not work on it/],
    ['a chain that was never compared', withChain({ reconciled: undefined }), 'warn', /not compared/],
    ['a comparison that is old', withChain({ reconciled: { ...status.reconciled!, atMs: NOW_MS - 1_800_001 } }), 'warn', /ago$/],
    ['sums that are not of all', { ...well, isWhole: false }, 'warn', /first accounts/],
    ['a chain that could not be compared', withChain({ reconciled: { atMs: well.nowMs, answer: { status: 'too_different' } } }), 'bad', /differ/],
    ['more owed than held', withSums({ users: 30_000_001n }), 'bad', /owe more than we hold/],
    ['suspense that makes it more', withSums({ users: 30_000_000n, suspense: 1n }), 'bad', /owe more than we hold/],
    ['money in suspense', withSums({ suspense: 1n }), 'warn', /suspense/],
    ['a reader that is behind', { ...well, lags: { ...well.lags, notices: 101 } }, 'warn', /notices are 101/],
    ['alarms', { ...well, alarms: [alarm] }, 'warn', /1 alarm in/],
  ])('names %s', (_what, facts, weight, text) => {
    const concerns = concernsOf(facts)
    expect(concerns[0]).toEqual({ weight, text: expect.stringMatching(text) as string })
    expect(operatorPage(names, facts)).toContain(`verdict ${weight}`)
    expect(concernsOf(well)).toEqual([])
  })

  it('claims neither too little nor enough where sums are not of all accounts', () => {
    const page = operatorPage(names, { ...withSums({ users: 30_000_001n }), isWhole: false })
    expect(page).not.toMatch(/covers|class="bar|owe more than we hold|All is well/)
  })

  it('shows nothing as HTML that came from elsewhere, and loads nothing', () => {
    const page = operatorPage({ domain: '<b>evil</b>', version: '"><script>' }, { ...well, alarms: [alarm] })
    expect(page).toContain('&#60;script&#62;alert(1)')
    expect(page).not.toMatch(/<script|<b>evil|javascript:|\son\w+=|src=|@import|url\(/i)
  })

  it('shows what is below 0, a short bar, and thousands apart', () => {
    const page = operatorPage(names, withSums({ custody: -1_500_000n, reserved: 12_345_678_900_000n }))
    for (const part of ['−1.5 PLAY', '12,345,678.9 PLAY', 'class="bar short"', 'covers 0 % of what we owe']) expect(page).toContain(part)
  })
})
