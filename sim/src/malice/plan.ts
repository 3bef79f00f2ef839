import type { SimRandom } from '../kernel/random.js'
import type { LiePlace } from './lie.js'
import { LIES } from './lies.js'

/** One lie of a run. Times in virtual ms since the lies began. */
export interface PlannedLie {
  /** Of {@link LIES}. */
  readonly name: string
  readonly victims: readonly string[]
  readonly fromMs: number
  /** `Infinity`: until the liar is told to end. */
  readonly untilMs: number
}

/** Worlds with a malicious server that lies about groups too. */
const GROUP_LIES = 0.7

/** Worlds with a malicious server that lies about channels too, if they have one. */
const CHANNEL_LIES = 0.9
/** Lies about channels of one run at most. */
const CHANNEL_LIES_MAX = 2
/** Places with a plan of their own. */
const OWN_PLANS: ReadonlySet<LiePlace> = new Set(['groups', 'channels'])

/** What a malicious server does in a run. */
export type LiarPlan = readonly PlannedLie[]

/** Lies of one run at most. */
const LIES_MAX = 4
/** Clients ask for these a few times in a run. */
const RARE: ReadonlySet<LiePlace> = new Set(['accounts', 'bundles'])

/**
 * Draws one to four lies, no kind twice, with their victims among `devices` (machine names) and their times within `forMs`. `omit`: kinds
 * that must not be told.
 */
export function drawPlan(random: SimRandom, devices: readonly string[], forMs: number, omit: ReadonlySet<string> = new Set()): LiarPlan {
  const left = LIES.filter(({ name, place, victims }) => !OWN_PLANS.has(place) && !omit.has(name) && victims <= devices.length)
  const plan: PlannedLie[] = []
  for (let count = random.between(1, LIES_MAX); count > 0 && left.length > 0; count--) {
    const [kind] = left.splice(random.between(0, left.length - 1), 1)
    if (kind === undefined) break
    const others = [...devices]
    const victims: string[] = []
    while (victims.length < kind.victims) victims.push(...others.splice(random.between(0, others.length - 1), 1))
    // What is asked for rarely is lied about from early on and for long, or nothing would come of it.
    const isRare = RARE.has(kind.place)
    const fromMs = random.chance(isRare ? 0.6 : 0.3) ? 0 : forMs * 0.6 * random.unit()
    const untilMs = random.chance(isRare ? 0.8 : 0.3) ? Infinity : fromMs + forMs * (0.05 + 0.5 * random.unit())
    plan.push({ name: kind.name, victims, fromMs, untilMs })
  }
  return plan
}

/** Draws one lie about groups, or none, from a stream of its own: the others are as they would be without. */
export function drawGroupPlan(random: SimRandom, devices: readonly string[], forMs: number, omit: ReadonlySet<string> = new Set()): LiarPlan {
  const kinds = LIES.filter(({ name, place }) => place === 'groups' && !omit.has(name))
  if (devices.length === 0 || kinds.length === 0 || !random.chance(GROUP_LIES)) return []
  const fromMs = random.chance(0.6) ? 0 : forMs * 0.6 * random.unit()
  const untilMs = random.chance(0.7) ? Infinity : fromMs + forMs * (0.2 + 0.5 * random.unit())
  return [{ name: random.pick(kinds).name, victims: [random.pick(devices)], fromMs, untilMs }]
}

/** Draws one or two lies about channels, or none, from a stream of its own; all to one victim, a fork to one more. Early and for long: channels are founded late. */
export function drawChannelPlan(random: SimRandom, devices: readonly string[], forMs: number, omit: ReadonlySet<string> = new Set()): LiarPlan {
  const left = LIES.filter(({ name, place, victims }) => place === 'channels' && !omit.has(name) && victims <= devices.length)
  if (devices.length === 0 || !random.chance(CHANNEL_LIES)) return []
  const others = [...devices]
  const [victim = ''] = others.splice(random.between(0, others.length - 1), 1)
  const plan: PlannedLie[] = []
  for (let count = random.between(1, CHANNEL_LIES_MAX); count > 0 && left.length > 0; count--) {
    const [kind] = left.splice(random.between(0, left.length - 1), 1)
    if (kind === undefined) break
    const victims = kind.victims === 1 ? [victim] : [victim, random.pick(others)]
    const fromMs = random.chance(0.6) ? 0 : forMs * 0.5 * random.unit()
    const untilMs = random.chance(0.7) ? Infinity : fromMs + forMs * (0.2 + 0.6 * random.unit())
    plan.push({ name: kind.name, victims, fromMs, untilMs })
  }
  return plan
}
