import { describe, expect, it } from 'vitest'
import { ReconcileFlow, type ReconcileParts } from '../../flows/reconcile/reconcile-flow.js'
import type { ReconciliationReport } from '../../flows/reconcile/report.js'
import { compareInRounds, differencesOf } from './compare-rounds.js'
import { Draw } from './draw.js'
import { judgeReport } from './judge-report.js'
import { PLANTED_FAULTS, PlantedHistory } from './planted-history.js'

const LINES_MAX = 10_000

async function reconcile(parts: ReconcileParts): Promise<ReconciliationReport> {
  const answer = await new ReconcileFlow(parts).run({ linesMax: LINES_MAX })
  if (answer.status !== 'done') throw new Error(answer.status)
  return answer.report
}

describe('a reconciliation of a history with planted faults', () => {
  it('says nothing of a history in which all is right', async () => {
    const { parts, expected } = await PlantedHistory.make(800, 0, new Draw(1))
    const report = await reconcile(parts)
    expect(judgeReport(report, expected)).toMatchObject({ held: true, found: 0 })
    expect(report.drift).toBe(false)
    // Otherwise it would be silent about things that never happened.
    const [native] = report.assets
    expect(native?.totals.matched).toBeGreaterThan(100)
    expect(native?.totals.ahead).toBeGreaterThan(0)
    expect(native?.totals.landed).toBeGreaterThan(0)
    expect(native?.inFlight).toBeGreaterThan(0n)
  })

  it.each(PLANTED_FAULTS.map(([name], index) => [name, index] as const))('finds %s', async (_name, index) => {
    // The faults come in turn: so many that this one is the last.
    const { parts, expected } = await PlantedHistory.make(100, index + 1, new Draw(7))
    expect(expected.planted[index]).toBe(1)
    expect(judgeReport(await reconcile(parts), expected)).toMatchObject({ held: true, missed: [], invented: [], balances: [] })
  })

  it('finds the same in many passes when it may hold little', async () => {
    const { parts, expected } = await PlantedHistory.make(600, 120, new Draw(3))
    const [whole, split] = [await reconcile(parts), await reconcile({ ...parts, openMax: 60 })]
    expect(judgeReport(split, expected)).toMatchObject({ held: true })
    expect(split.assets).toEqual(whole.assets)
  })

  it('notices when a report says less or more than was planted', async () => {
    const { parts, expected } = await PlantedHistory.make(100, 12, new Draw(2))
    const report = await reconcile(parts)
    const [first, ...others] = report.lines
    expect(judgeReport({ ...report, lines: others }, expected)).toMatchObject({ held: false, missed: [expect.any(String)] })
    expect(judgeReport({ ...report, lines: [{ ...first!, subject: 'other' }, ...report.lines] }, expected)).toMatchObject({ held: false, invented: [expect.any(String)] })
    expect(judgeReport({ ...report, drift: false }, expected)).toMatchObject({ held: false })
    const wrong = report.assets.map((asset) => ({ ...asset, balanceDifference: 0n }))
    expect(judgeReport({ ...report, assets: wrong }, expected)).toMatchObject({ held: false })
  })
})

describe('a reconciliation in rounds, each from the checkpoint of the one before', () => {
  const compare = async (parts: ReconcileParts): Promise<{ readonly report: ReconciliationReport }> => ({ report: await reconcile(parts) })

  it('finds what one comparison of everything finds, faults across their borders included, and nothing else in any round', async () => {
    const [transfers, rounds] = [2_000, 4]
    const history = await PlantedHistory.open(transfers, 200, new Draw(11))
    const { rounds: done, last, whole, different } = await compareInRounds(history, { transfers, rounds }, compare)
    expect(different).toEqual([])
    expect(done.flatMap(({ invented }) => invented)).toEqual([])
    for (const { report } of [last, whole]) expect(judgeReport(report, history.expected)).toMatchObject({ held: true, missed: [], invented: [], balances: [] })
    expect(history.expected.acrossPauses).toBeGreaterThan(10)
    expect(last.report.resumed).toBeDefined()
    // Otherwise it would say nothing about what goes on from one to the next.
    const reports = done.map(({ measured }) => measured.report)
    for (const carried of ['ahead', 'landed'] as const) expect(reports.slice(0, -1).some(({ assets }) => assets.some(({ totals }) => totals[carried] > 0)), carried).toBe(true)
  })

  it('finds the same in shares, when it may hold little', async () => {
    const history = await PlantedHistory.open(200, 30, new Draw(5))
    const { different } = await compareInRounds(history, { transfers: 200, rounds: 2 }, (parts) => compare({ ...parts, openMax: 60 }))
    expect(different).toEqual([])
  }, 120_000)

  it('is told apart from one comparison of everything', async () => {
    const { parts } = await PlantedHistory.make(300, 30, new Draw(2))
    const report = await reconcile(parts)
    const [first, ...others] = report.lines
    expect(differencesOf(report, { ...report, lines: others })).toHaveLength(1)
    expect(differencesOf(report, { ...report, lines: [{ ...first!, chain: 77n }, ...others] })).toHaveLength(2)
    expect(differencesOf(report, { ...report, assets: report.assets.map((asset) => ({ ...asset, inFlight: 1n })) })).toHaveLength(report.assets.length)
  })
})
