import type { RunResult } from '../run-options.js'
import type { ProfileName } from '../world/profiles.js'
import { expectedCoverageOf } from './expected-coverage.js'

/** How often something was exercised. */
export interface CoverageRow {
  readonly name: string
  /** Times in all seeds together; 0 for an expected name that no run had. */
  readonly total: number
  /** Seeds that had it. */
  readonly seeds: number
}

/** Coverage of all runs, by name: what they had, and what `profile` was expected to have and no run had. */
export function coverageRows(coverages: readonly RunResult['coverage'][], profile: ProfileName | undefined): readonly CoverageRow[] {
  const rows = new Map<string, { total: number; seeds: number }>()
  if (profile !== undefined) for (const name of expectedCoverageOf(profile)) rows.set(name, { total: 0, seeds: 0 })
  for (const coverage of coverages) {
    for (const [name, count] of Object.entries(coverage)) {
      if (count === 0) continue
      const row = rows.get(name) ?? { total: 0, seeds: 0 }
      rows.set(name, { total: row.total + count, seeds: row.seeds + 1 })
    }
  }
  return [...rows].map(([name, row]) => ({ name, ...row })).sort((one, other) => (one.name < other.name ? -1 : 1))
}
