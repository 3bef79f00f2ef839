import type { Violation } from './kernel/run.js'
import type { TraceLine } from './kernel/trace.js'
import type { ProfileName } from './world/profiles.js'

/** What to run. */
export interface RunOptions {
  /** Any text; numbers by custom. */
  readonly seed: string
  readonly profile: ProfileName
  /** `stand-in`: fast and deterministic, keeps no secrets. `real`: libsignal with seeded randomness. Payouts have nothing to stand in for: `real`. */
  readonly crypto: 'stand-in' | 'real'
  /** Keep the trace lines, for a timeline. */
  readonly keepTrace: boolean
  /** Of `payouts`: at how many calls of each world its process is killed, each in a run of its own. */
  readonly crashPoints?: number | 'every'
}

/** What came of a run. */
export interface RunResult {
  /** As asked for; of a payout that broke a promise: its world alone. */
  readonly seed: string
  readonly profile: ProfileName
  readonly crypto: RunOptions['crypto']
  readonly events: number
  readonly virtualMs: number
  /** SHA-256 over the whole trace, hex. */
  readonly traceHash: string
  readonly coverage: Readonly<Record<string, number>>
  /** Absent in a green run. */
  readonly violation?: Violation
  /** The trace up to the violation, or the whole; empty unless `keepTrace`. */
  readonly timeline: readonly TraceLine[]
}
