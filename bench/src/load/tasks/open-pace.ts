import { monotonicUs } from '../measure/monotonic.js'
import { Arrivals } from '../plan/arrivals.js'
import { RatePlan } from '../plan/rate-plan.js'
import { sleep } from './mail-world.js'

/** Longest sleep between two looks at the plan. */
const LOOK_MS_MAX = 5

/** Calls `send` at planned times of a Poisson process, with the sender and the planned time, whatever became of those before. Resolves at the end of the plan. */
export async function openPace(
  { perSecond, seconds, senders, seed }: { readonly perSecond: number; readonly seconds: number; readonly senders: number; readonly seed: string },
  send: (sender: number, plannedUs: number) => void,
): Promise<void> {
  const startUs = monotonicUs()
  const arrivals = new Arrivals(new RatePlan([{ seconds, fromPerSecond: perSecond, toPerSecond: perSecond }]), 'poisson', senders, seed)
  for (let next = arrivals.next(); next !== undefined; next = arrivals.next()) {
    const plannedUs = startUs + next.atSeconds * 1e6
    for (let waitUs = plannedUs - monotonicUs(); waitUs > 0; waitUs = plannedUs - monotonicUs()) await sleep(Math.min(LOOK_MS_MAX, waitUs / 1_000))
    send(next.sender, plannedUs)
  }
  await sleep(Math.max(0, (startUs + seconds * 1e6 - monotonicUs()) / 1_000))
}
