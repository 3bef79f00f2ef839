import type { ReconciliationReport } from '../../flows/reconcile/report.js'
import { DIFFERENCE_KINDS } from '../../flows/reconcile/transfer-comparison.js'
import { wordsOf, type Expected } from './planted-history.js'

/** How a report compares with what was planted. */
export interface Verdict {
  readonly found: number
  readonly expected: number
  /** Planted and not found. */
  readonly missed: readonly string[]
  /** Found and not planted. */
  readonly invented: readonly string[]
  /** Assets whose balances differ by something else than what was planted. */
  readonly balances: readonly string[]
  readonly held: boolean
}

/** Compares a report, which must hold all its lines, with what was planted. */
export function judgeReport({ lines, assets, drift }: ReconciliationReport, expected: Expected): Verdict {
  const found = lines.map((line) => wordsOf(line))
  const known = new Set(found)
  const missed = [...expected.lines].filter((line) => !known.has(line))
  const invented = found.filter((line) => !expected.lines.has(line))
  const counted = assets.reduce((sum, { totals }) => DIFFERENCE_KINDS.reduce((all, kind) => all + totals[kind], sum), 0)
  const balances = assets.filter(({ asset, balanceDifference }) => balanceDifference !== (expected.balance.get(asset) ?? 0n)).map(({ asset }) => asset)
  const isExact = missed.length === 0 && invented.length === 0 && balances.length === 0 && counted === expected.lines.size && known.size === found.length
  return { found: counted, expected: expected.lines.size, missed, invented, balances, held: isExact && drift === expected.lines.size > 0 }
}
