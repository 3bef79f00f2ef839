import { createHash } from 'node:crypto'
import type { SimulatedProfile } from '@evegram/wallet-bridge'
import { Coverage } from '../kernel/coverage.js'
import { Run, type PromiseName } from '../kernel/run.js'
import type { TraceLine } from '../kernel/trace.js'
import { inClosedWorld } from '../kernel/closed-world.js'
import { SimRandom } from '../kernel/random.js'
import type { RunOptions, RunResult } from '../run-options.js'
import { CRASH_POINTS_DEFAULT } from './crash-points.js'
import { CHAIN_PROFILES } from './payout-mix.js'
import { PayoutWorld } from './payout-world.js'
import type { CallKind, CrashPlan } from './port-calls.js'

/** One world of a seed. */
interface PayoutJob {
  readonly seed: string
  readonly chain: SimulatedProfile
  readonly crash: CrashPlan | undefined
}

/** `17.ton.after.45`: what {@link nameOfJob} writes. */
const ONE_WORLD = new RegExp(`^(.+)\\.(${CHAIN_PROFILES.join('|')})(?:\\.(before|after)\\.(\\d{1,6}))?$`)

/**
 * Runs the worlds of one seed: one for each chain without a crash that is planned, then the same once more for each of its calls (or for some), with the
 * process killed there. A seed like `17.ton.after.45` is that world alone. Ends at the first promise that breaks.
 */
export async function runPayoutSeed({ seed, profile, crypto, keepTrace, crashPoints = CRASH_POINTS_DEFAULT }: RunOptions): Promise<RunResult> {
  const [coverage, digests, timeline] = [new Coverage(), new Array<string>(), new Array<TraceLine>()]
  let [events, virtualMs] = [0, 0]
  /** What runs now, and what broke: kept in an object, so that it is read as the callbacks left it. */
  const state: { run?: Run; broken?: PayoutJob } = {}
  const play = async (job: PayoutJob): Promise<readonly CallKind[]> => {
    const run = new Run({ seed: `payouts:${job.seed}:${job.chain}`, keepTrace })
    state.run = run
    const world = await PayoutWorld.open(run, { profile: job.chain, crash: job.crash })
    await world.play()
    events += run.scheduler.events
    virtualMs += run.nowMs
    for (const [name, count] of Object.entries(run.coverage.toJSON())) coverage.count(name, count)
    coverage.count(job.crash === undefined ? 'world/no crash planned' : 'world/crash planned')
    if (run.violation !== undefined) {
      state.broken = job
      // What is told is that world alone, as a replay will show it.
      for (const told of [timeline, digests]) told.length = 0
    }
    digests.push(run.trace.digest())
    timeline.push(...run.trace.lines)
    return world.calls
  }
  const tell = (promise: PromiseName, what: string): void => { state.run?.broken(promise, what) }
  const random = new SimRandom(`payouts:${seed}:crash points`)
  await inClosedWorld(tell, random.fork('blinding'), async () => {
    const one = jobOf(seed)
    if (one !== undefined) {
      await play(one)
      return
    }
    for (const chain of CHAIN_PROFILES) {
      const calls = await play({ seed, chain, crash: undefined })
      for (const crash of crashesOf(calls, crashPoints, random)) {
        if (state.broken !== undefined) return
        await play({ seed, chain, crash })
      }
      if (state.broken !== undefined) return
    }
  })
  const { broken, run } = state
  const violation = run?.violation
  return {
    seed: broken === undefined ? seed : nameOfJob(broken), profile, crypto, events, virtualMs, traceHash: createHash('sha256').update(digests.join()).digest('hex'), coverage: coverage.toJSON(),
    ...(violation === undefined ? {} : { violation }), timeline,
  }
}

/** A write is a place to die before and after; what only reads leaves nothing behind, so that before and after are the same. */
function crashesOf(calls: readonly CallKind[], crashPoints: number | 'every', random: SimRandom): readonly CrashPlan[] {
  const all = calls.flatMap((kind, index): readonly CrashPlan[] => {
    const call = index + 1
    return kind === 'read' ? [{ call, when: 'after' }] : [{ call, when: 'before' }, { call, when: 'after' }]
  })
  if (crashPoints === 'every') return all
  return all.length === 0 ? [] : Array.from({ length: crashPoints }, () => random.pick(all))
}

function nameOfJob({ seed, chain, crash }: PayoutJob): string {
  return [seed, chain, ...(crash === undefined ? [] : [crash.when, String(crash.call)])].join('.')
}

function jobOf(seed: string): PayoutJob | undefined {
  const [, base, chain, when, call] = ONE_WORLD.exec(seed) ?? []
  const profile = CHAIN_PROFILES.find((name) => name === chain)
  if (base === undefined || profile === undefined) return undefined
  const crash = when === 'before' || when === 'after' ? { call: Number(call), when } as const : undefined
  return { seed: base, chain: profile, crash }
}
