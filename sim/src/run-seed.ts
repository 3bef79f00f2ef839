import type { TraceLine } from './kernel/trace.js'
import type { Violation } from './kernel/run.js'
import type { ProfileName } from './world/profiles.js'

/** What to run. */
export interface RunOptions {
  /** Any text; numbers by custom. */
  readonly seed: string
  readonly profile: ProfileName
  /** `stand-in`: fast and deterministic, keeps no secrets. `real`: libsignal with seeded randomness. */
  readonly crypto: 'stand-in' | 'real'
  /** Keep the trace lines, for a timeline. */
  readonly keepTrace: boolean
}

/** What came of a run. */
export interface RunResult {
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

/** Runs one seed to its end, or to the first promise that is broken. Two runs with the same options have the same trace hash. */
export function runSeed(_options: RunOptions): Promise<RunResult> {
  return Promise.reject(new Error('being put together'))
}
