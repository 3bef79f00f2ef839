import { inClosedWorld } from './kernel/closed-world.js'
import { Run } from './kernel/run.js'
import { runPayoutSeed } from './payouts/payout-seed.js'
import { prepareCrypto } from './world/crypto.js'
import { World } from './world/world.js'
import type { RunOptions, RunResult } from './run-options.js'

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
