import { Draw } from '../reconcile/draw.js'
import { STOPPABLE_ACTS } from './acting-parts.js'
import type { StopAt } from './acts.js'

/** Longest time after which a process is stopped, when it is not stopped at one of its calls. */
const WAIT_MAX_MS = 2_500
/** How often a call may be made before a process is stopped at it: less than a life has of each. */
const NTH_MAX = 3

/** How one process of Wally ends. */
export interface PlannedKill {
  /** At one of its calls; undefined: at whatever moment `waitMs` is. */
  readonly at: StopAt | undefined
  /** From its first step on. */
  readonly waitMs: number
  /** With overlap: how long the next one works while this one stands still, and then both together. */
  readonly stillMs: number
  readonly togetherMs: number
}

/** Before and behind each call at which a process can be stopped. */
const PLACES = STOPPABLE_ACTS.flatMap((act) => [{ act, when: 'before' as const }, { act, when: 'after' as const }])

/** Draws the kills of a run: the same for the same seed. Every other one at a call, at each place once before any comes again; the others by the clock. */
export function planKills(seed: number, count: number): readonly PlannedKill[] {
  const draw = new Draw(seed)
  let places: readonly number[] = []
  return Array.from({ length: count }, (_, index) => {
    if (places.length === 0) places = [...draw.places(PLACES.length, PLACES.length).keys()]
    const place = index % 2 === 0 ? PLACES[places[0] ?? 0] : undefined
    if (place !== undefined) places = places.slice(1)
    return {
      at: place === undefined ? undefined : { ...place, nth: 1 + draw.below(NTH_MAX) },
      waitMs: draw.below(WAIT_MAX_MS), stillMs: draw.below(WAIT_MAX_MS), togetherMs: draw.below(WAIT_MAX_MS),
    }
  })
}
