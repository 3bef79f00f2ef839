import type { System } from '../system.js'
import { RouteLoad, type LoadShape, type PartResult } from './load.js'

/** A closed loop before the ramp: what is measured afterwards is compiled then, and the ramp begins at this share of its rate. */
const WARM_UP_SECONDS = 8
const RAMP_FROM_SHARE = 0.3
const SHARE_OF_CAPACITY = 0.5

/** One cluster: what it can do, and how it does at half of that. */
export interface ClusterFigures {
  readonly system: string
  readonly capacityPerSecond: number
  readonly half: PartResult
}

/** One engine against two. */
export interface Comparison {
  readonly one: ClusterFigures
  readonly two: ClusterFigures
  /** Two engines at the rate at which the one was measured. */
  readonly twoAtRateOfOne: PartResult
  readonly failures: readonly string[]
  /** What is worth knowing and breaks no promise. */
  readonly notes: readonly string[]
  readonly held: boolean
}

/** What a comparison is made with. */
export interface ComparisonOptions {
  readonly shape: LoadShape
  readonly seconds: number
  readonly silent: boolean
  /** Starts a cluster. */
  readonly start: (engines: number) => Promise<System>
}

interface Measured extends ClusterFigures {
  readonly more: readonly PartResult[]
  readonly failures: readonly string[]
  readonly notes: readonly string[]
}

/** Measures a cluster of one engine and one of two, one after the other, sender and receiver always on different engines in the second. */
export async function compareEngines(options: ComparisonOptions): Promise<Comparison> {
  const one = await measureCluster(1, options, [])
  const two = await measureCluster(2, options, [one.half.plannedPerSecond])
  const [twoAtRateOfOne] = two.more
  if (twoAtRateOfOne === undefined) throw new Error('two engines were not measured at the rate of one')
  const failures = [...one.failures, ...two.failures]
  const held = failures.length === 0 && one.capacityPerSecond > 0 && two.capacityPerSecond > 0
  return { one: figuresOf(one), two: figuresOf(two), twoAtRateOfOne, failures, notes: [...one.notes, ...two.notes], held }
}

async function measureCluster(engines: number, { shape, seconds, silent, start }: ComparisonOptions, moreRates: readonly number[]): Promise<Measured> {
  const say = (line: string): void => { if (!silent) console.error(line) }
  const system = await start(engines)
  try {
    const load = await RouteLoad.connect(system, shape, { silent })
    if (engines > 1) {
      await load.crossPairs()
      say('every pair sits on two engines')
    }
    const saturated = await load.closed(WARM_UP_SECONDS)
    say(`${countText(engines)}, as fast as acknowledgements come: ${String(saturated.messagesPerSecond)}/s`)
    const { perSecond, steps } = await load.capacity(Math.max(1, Math.round(saturated.messagesPerSecond * RAMP_FROM_SHARE)), (step, isSustained) => {
      say(`${countText(engines)}, ${String(step.plannedPerSecond)}/s planned: p50 ${step.p50Ms.toFixed(0)} ms, p95 ${step.p95Ms.toFixed(0)} ms${isSustained ? '' : ': too much'}`)
    })
    const half = await load.open(Math.max(1, Math.round(perSecond * SHARE_OF_CAPACITY)), seconds)
    const more: PartResult[] = []
    for (const rate of moreRates) more.push(await load.open(rate, seconds))
    load.close()
    const borne = more.filter(({ plannedPerSecond }) => plannedPerSecond <= perSecond)
    const judged = judgeParts(countText(engines), { beyond: [saturated, ...steps, ...more.filter((part) => !borne.includes(part))], measured: [half, ...borne] })
    return { system: system.description, capacityPerSecond: perSecond, half, more, failures: [...load.failures, ...judged.failures], notes: judged.notes }
  } finally {
    await system.dispose()
  }
}

/**
 * What the parts of a run say about the promises. Nothing may be lost anywhere. A connection may show a message twice where a cluster is driven beyond its
 * capacity: the log promises at least once, an append that took too long is made again, and readers know messages by their ids; at rates that it bears that
 * would be a fault. That one comes behind a later one is none: the order that people see is made by senders.
 */
export function judgeParts(
  cluster: string, { beyond, measured }: { readonly beyond: readonly PartResult[]; readonly measured: readonly PartResult[] },
): { readonly failures: readonly string[]; readonly notes: readonly string[] } {
  const name = ({ part, plannedPerSecond }: PartResult): string => `${cluster}, ${part === 'closed' ? 'as fast as acknowledgements come' : `${String(plannedPerSecond)}/s planned`}`
  const lost = [...beyond, ...measured].filter((one) => one.lost !== 0).map((one) => `${name(one)}: ${String(one.lost)} of ${String(one.sent)} lost`)
  const doubled = (parts: readonly PartResult[]): string[] =>
    parts.filter((one) => one.doubled !== 0).map((one) => `${name(one)}: ${String(one.doubled)} of ${String(one.sent)} delivered more than once`)
  return { failures: [...lost, ...doubled(measured)], notes: doubled(beyond) }
}

function countText(engines: number): string {
  return `${String(engines)} engine${engines === 1 ? '' : 's'}`
}

function figuresOf({ system, capacityPerSecond, half }: Measured): ClusterFigures {
  return { system, capacityPerSecond, half }
}

/** The comparison as a table: a column for each cluster, and the second one's figures as multiples of the first one's. */
export function comparisonLines({ one, two, twoAtRateOfOne, failures, notes }: Comparison): readonly string[] {
  const row = (name: string, of: (figures: { readonly capacityPerSecond: number; readonly part: PartResult }) => number, digits: number): string => {
    const [first, second, third] = [
      of({ capacityPerSecond: one.capacityPerSecond, part: one.half }), of({ capacityPerSecond: two.capacityPerSecond, part: two.half }),
      of({ capacityPerSecond: two.capacityPerSecond, part: twoAtRateOfOne }),
    ]
    const ratio = (value: number): string => (first === 0 ? '-' : (value / first).toFixed(2))
    return name.padEnd(38) + first.toFixed(digits).padStart(10) + second.toFixed(digits).padStart(14) + ratio(second).padStart(7) + third.toFixed(digits).padStart(24) + ratio(third).padStart(7)
  }
  return [
    `${one.system} against ${two.system}; sender and receiver on different engines in the second`,
    ' '.repeat(38) + 'one engine'.padStart(10) + 'two engines'.padStart(14) + 'ratio'.padStart(7) + 'two, at the first rate'.padStart(24) + 'ratio'.padStart(7),
    row('capacity, messages/s', ({ capacityPerSecond }) => capacityPerSecond, 0),
    row('at half of it: planned, messages/s', ({ part }) => part.plannedPerSecond, 0),
    row('  delivered, messages/s', ({ part }) => part.messagesPerSecond, 0),
    row('  send to deliver, p50 ms', ({ part }) => part.p50Ms, 1),
    row('  send to deliver, p99 ms', ({ part }) => part.p99Ms, 1),
    row('  send to deliver, p99.9 ms', ({ part }) => part.p999Ms, 1),
    row('  CPU us/message, engines and auth', ({ part }) => part.cpuUsPerDelivered, 0),
    row('  CPU us/message, stores and broker', ({ part }) => part.storeCpuUsPerDelivered, 0),
    row('  engines waited for a core, %', ({ part }) => part.serverWaitShare * 100, 0),
    row('  generator CPU, % of a core', ({ part }) => part.generatorCpuShare * 100, 0),
    row('  lost', ({ part }) => part.lost, 0),
    row('  doubled', ({ part }) => part.doubled, 0),
    row('  behind a later one', ({ part }) => part.late, 0),
    ...notes.map((note) => `beyond capacity: ${note}`),
    ...failures.map((failure) => `failure: ${failure}`),
  ]
}
