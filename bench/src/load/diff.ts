import { figuresOf, type AnyResult, type Baseline } from './baseline.js'
import { RESULT_FORMAT } from './result.js'
import { TASK_RESULT_FORMAT } from './tasks/task-result.js'

/** Which way is better. Figures that neither this nor {@link BY_ENDING} knows judge nothing. */
const BETTER: Readonly<Record<string, 'lower' | 'higher'>> = {
  'p50': 'lower', 'p90': 'lower', 'p99': 'lower', 'p999': 'lower', 'ack.p50': 'lower', 'ack.p99': 'lower', 'rate': 'higher', 'perCpuSecond': 'higher', 'rss': 'lower',
  'lost': 'lower', 'duplicated': 'lower', 'reordered': 'lower', 'undecryptable': 'lower', 'misdelivered': 'lower', 'unacknowledged': 'lower', 'refused': 'lower', 'disconnected': 'lower',
}
/** The same for scenarios with steps, whose figures end in what they are: `cpuPerResume`, `return.p99`, `ton.verified`. */
const BY_ENDING: readonly (readonly [RegExp, 'lower' | 'higher'])[] = [
  [/(^|\.)\w*perSecond$|\.(ratio|verified|signIns|rate)$/i, 'higher'], [/(^|\.)(cpu(Per|Each|Held)\w*|rss|rssPer\w+|failed|breaches|unanswered|recovery)$/, 'lower'], [/^(?!lag\.|ack\.).+\.(p50|p99)$/, 'lower'],
]
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
export function diffResults(before: AnyResult, after: AnyResult, band: number): Diff {
  return diffOf(figuresOf(before), figuresOf(after), band, [...differencesOf(before, after), ...invalidIn('before', before), ...invalidIn('after', after)])
}

/** What changed since an accepted run, which was valid. */
export function diffWithBaseline(before: Baseline, after: AnyResult, band: number): Diff {
  return diffOf(before.figures, figuresOf(after), band, [...differencesOf(before, after), ...invalidIn('after', after)])
}

function diffOf(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>, band: number, differences: readonly string[]): Diff {
  const known = Object.keys(BETTER)
  const changes = [...known, ...Object.keys(other).filter((name) => !known.includes(name))].flatMap((metric): Change[] => {
    const [from, to, better] = [one[metric], other[metric], BETTER[metric] ?? BY_ENDING.find(([ending]) => ending.test(metric))?.[1]]
    if (from === undefined || to === undefined || better === undefined) return []
    const isTime = /(^|\.)p\d+$/.test(metric)
    const isWithin = Math.abs(to - from) <= Math.max(Math.abs(from) * band, isTime ? TIME_STEP_MS : 0)
    const isBetter = better === 'lower' ? to < from : to > from
    return [{ metric, before: from, after: to, share: from === 0 ? null : (to - from) / from, verdict: isWithin ? 'same' : isBetter ? 'better' : 'worse' }]
  })
  return { changes, differences, isWorse: changes.some(({ verdict }) => verdict === 'worse') }
}

function invalidIn(name: string, { validity }: AnyResult): readonly string[] {
  return validity.valid ? [] : [`the result ${name} is not valid: ${validity.reasons.join('; ')}`]
}

/** What has to be the same, and how a reader calls it. A seed is another one in every run. */
const CONFIGURED: Readonly<Record<string, string>> = { payloadBytes: 'payload bytes', loop: 'load' }

type Configured = Pick<Baseline, 'config' | 'machine'>

function differencesOf(before: Configured, after: Configured): readonly string[] {
  const differs = (name: string, one: unknown, other: unknown): string[] => {
    const [left, right] = [JSON.stringify(one), JSON.stringify(other)]
    return left === right ? [] : [`${name}: ${String(left)} before, ${String(right)} after`]
  }
  const [one, other]: Readonly<Record<string, unknown>>[] = [{ ...before.config }, { ...after.config }]
  const names = new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})])
  names.delete('seed')
  return [
    ...[...names].flatMap((name) => differs(CONFIGURED[name] ?? name, one?.[name], other?.[name])),
    ...differs('CPU', before.machine.cpu, after.machine.cpu), ...differs('cores', before.machine.cores, after.machine.cores), ...differs('Node', before.machine.node, after.machine.node),
  ]
}

/** A result from its JSON. Throws RangeError for anything else, and for another version of the format. */
export function readResult(name: string, json: string): AnyResult {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new RangeError(`${name} is no JSON: it has to be what --json printed`)
  }
  if (typeof value !== 'object' || value === null || !('format' in value) || (value.format !== RESULT_FORMAT && value.format !== TASK_RESULT_FORMAT)) {
    throw new RangeError(`${name} is no result of this version (${RESULT_FORMAT}, ${TASK_RESULT_FORMAT}): it has to be what "npm run bench -- <scenario> --json" printed`)
  }
  return value as AnyResult // written by this program, by its format
}
