import type { Verdict } from '../result.js'

/** What the harness ends with. */
export const EXIT = { pass: 0, toolError: 1, invalid: 2, breach: 99 } as const

/** The exit code of a run. */
export function exitCodeOf(verdict: Verdict): number {
  return EXIT[verdict]
}
