import { inClosedWorld } from './kernel/closed-world.js'
import { Run, type Violation } from './kernel/run.js'
import type { TraceLine } from './kernel/trace.js'
import { runPayoutSeed } from './payouts/payout-seed.js'
import { prepareCrypto } from './world/crypto.js'
import type { ProfileName } from './world/profiles.js'
import { World } from './world/world.js'

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

/**
 * Runs one seed to its end, or to the first promise that is broken. Two runs with the same options have the same trace hash. One run at a
 * time in a process: while it lasts, real time, randomness and I/O are out of reach for everybody in it.
 */
export async function runSeed(options: RunOptions): Promise<RunResult> {
  const { seed, profile, crypto, keepTrace } = options
  if (profile === 'payouts') return runPayoutSeed(options)
  await prepareCrypto(crypto)
  const run = new Run({ seed: `${profile}:${seed}`, keepTrace })
  await inClosedWorld((promise, what) => { run.broken(promise, what) }, run.random('blinding'), async () => {
    await new World(run, { profile, crypto }).play()
  })
  const { violation } = run
  return {
    seed, profile, crypto, events: run.scheduler.events, virtualMs: run.nowMs, traceHash: run.trace.digest(), coverage: run.coverage.toJSON(),
    ...(violation === undefined ? {} : { violation }), timeline: run.trace.lines,
  }
}
