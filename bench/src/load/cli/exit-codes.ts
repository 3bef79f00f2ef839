import type { Verdict } from '../result.js'

/** What the harness ends with. */
export const EXIT = { pass: 0, toolError: 1, invalid: 2, breach: 99 } as const

/** The exit code of a run. */
export function exitCodeOf(verdict: Verdict): number {
  return EXIT[verdict]
}

/** Something that the person at the command line has to change: printed without a stack, and the run ends with code 1. */
export class UsageError extends Error {}
