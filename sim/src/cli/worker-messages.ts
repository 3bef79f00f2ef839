import type { Violation } from '../kernel/run.js'
import type { RunOptions, RunResult } from '../run-options.js'

/** A run that a worker process is asked for. */
export interface SeedRequest {
  readonly id: number
  readonly options: RunOptions
}

/** Answer of a worker process; `failure` is the text of what `runSeed` threw. */
export type SeedAnswer =
  | { readonly id: number; readonly result: RunResult }
  | { readonly id: number; readonly failure: string }

/** What came of one seed: all promises held, one was broken, or the run gave no result (its process died, hung, or the simulator itself failed). */
export type SeedOutcome =
  | { readonly status: 'green'; readonly options: RunOptions; readonly result: RunResult }
  | { readonly status: 'broken'; readonly options: RunOptions; readonly result: RunResult; readonly violation: Violation }
  | { readonly status: 'died'; readonly options: RunOptions; readonly reason: string }
