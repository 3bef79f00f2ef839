import { closeTheWorld } from './kernel/guard.js'
import { Run, type Violation } from './kernel/run.js'
import type { TraceLine } from './kernel/trace.js'
import { prepareCrypto } from './world/crypto.js'
import type { ProfileName } from './world/profiles.js'
import { World } from './world/world.js'

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

/**
 * Runs one seed to its end, or to the first promise that is broken. Two runs with the same options have the same trace hash. One run at a
 * time in a process: while it lasts, real time, randomness and I/O are out of reach for everybody in it.
 */
export async function runSeed(options: RunOptions): Promise<RunResult> {
  const { seed, profile, crypto, keepTrace } = options
  await prepareCrypto(crypto)
  const run = new Run({ seed: `${profile}:${seed}`, keepTrace })
  const onFault = (reason: unknown): void => {
    run.broken('program', `nobody handled: ${reason instanceof Error ? reason.stack ?? reason.message : String(reason)}`)
  }
  process.on('unhandledRejection', onFault)
  process.on('uncaughtException', onFault)
  const touched = (what: string): void => { run.broken('guard', `a simulated program touched ${what}`) }
  const openTheWorld = closeTheWorld(touched, run.random('blinding'))
  try {
    const world = new World(run, { profile, crypto })
    await world.play()
  } catch (failure) {
    onFault(failure)
  } finally {
    openTheWorld()
    process.off('unhandledRejection', onFault)
    process.off('uncaughtException', onFault)
  }
  const { violation } = run
  return {
    seed, profile, crypto, events: run.scheduler.events, virtualMs: run.nowMs, traceHash: run.trace.digest(), coverage: run.coverage.toJSON(),
    ...(violation === undefined ? {} : { violation }), timeline: run.trace.lines,
  }
}
