import type { Baseline } from './baseline.js'
import { metricsOf, RESULT_FORMAT, type LoadResult } from './result.js'

/** Which way is better. Figures that are not here are shown and judge nothing. */
const BETTER: Readonly<Record<string, 'lower' | 'higher'>> = {
  'p50': 'lower', 'p90': 'lower', 'p99': 'lower', 'p999': 'lower', 'ack.p50': 'lower', 'ack.p99': 'lower', 'rate': 'higher', 'perCpuSecond': 'higher', 'rss': 'lower',
  'lost': 'lower', 'duplicated': 'lower', 'reordered': 'lower', 'undecryptable': 'lower', 'misdelivered': 'lower', 'unacknowledged': 'lower', 'refused': 'lower', 'disconnected': 'lower',
}
/** Figures in ms: a change below this is nothing that a timer of Node can tell. */
const TIME_STEP_MS = 0.1

/** One figure before and after. */
export interface Change {
  readonly metric: string
  readonly before: number
  readonly after: number
  /** Of `before`; null when that was 0. */
  readonly share: number | null
  /** Outside of the noise band, and which way. */
  readonly verdict: 'better' | 'worse' | 'same'
}

/** Two results side by side. */
export interface Diff {
  readonly changes: readonly Change[]
  /** Why they should not be compared, in sentences; empty when only the code differs. */
  readonly differences: readonly string[]
  readonly isWorse: boolean
}

/** What changed from one result to another. `band`: the share (0.1 is 10 %) within which a change is noise. */
export function diffResults(before: LoadResult, after: LoadResult, band: number): Diff {
  return diffOf(metricsOf(before), metricsOf(after), band, [...differencesOf(before, after), ...invalidIn('before', before), ...invalidIn('after', after)])
}

/** What changed since an accepted run, which was valid. */
export function diffWithBaseline(before: Baseline, after: LoadResult, band: number): Diff {
  return diffOf(before.figures, metricsOf(after), band, [...differencesOf(before, after), ...invalidIn('after', after)])
}

function diffOf(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>, band: number, differences: readonly string[]): Diff {
  const changes = Object.entries(BETTER).flatMap(([metric, better]): Change[] => {
    const [from, to] = [one[metric], other[metric]]
    if (from === undefined || to === undefined) return []
    const isTime = /(^|\.)p\d+$/.test(metric)
    const isWithin = Math.abs(to - from) <= Math.max(Math.abs(from) * band, isTime ? TIME_STEP_MS : 0)
    const isBetter = better === 'lower' ? to < from : to > from
    return [{ metric, before: from, after: to, share: from === 0 ? null : (to - from) / from, verdict: isWithin ? 'same' : isBetter ? 'better' : 'worse' }]
  })
  return { changes, differences, isWorse: changes.some(({ verdict }) => verdict === 'worse') }
}

function invalidIn(name: string, { validity }: LoadResult): readonly string[] {
  return validity.valid ? [] : [`the result ${name} is not valid: ${validity.reasons.join('; ')}`]
}

type Configured = Pick<Baseline, 'config' | 'machine'>

function differencesOf(before: Configured, after: Configured): readonly string[] {
  const differs = (name: string, of: (result: Configured) => unknown): string[] => {
    const [one, other] = [JSON.stringify(of(before)), JSON.stringify(of(after))]
    return one === other ? [] : [`${name}: ${one} before, ${other} after`]
  }
  return [
    ...differs('scenario', ({ config }) => config.scenario), ...differs('driver', ({ config }) => config.driver), ...differs('clients', ({ config }) => config.clients),
    ...differs('payload', ({ config }) => config.payloadBytes), ...differs('load', ({ config }) => config.loop), ...differs('workers', ({ config }) => config.workers),
    ...differs('CPU', ({ machine }) => machine.cpu), ...differs('cores', ({ machine }) => machine.cores), ...differs('Node', ({ machine }) => machine.node),
    ...differs('pinned', ({ config }) => config.pinned),
  ]
}

/** A result from its JSON. Throws RangeError for anything else, and for another version of the format. */
export function readResult(name: string, json: string): LoadResult {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new RangeError(`${name} is no JSON: it has to be what --json printed`)
  }
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== RESULT_FORMAT) {
    throw new RangeError(`${name} is no result of this version (${RESULT_FORMAT}): it has to be what "npm run bench -- <scenario> --json" printed`)
  }
  return value as LoadResult // written by this program, by its format
}
