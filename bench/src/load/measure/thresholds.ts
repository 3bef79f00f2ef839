const OPERATORS = ['<=', '>=', '==', '<', '>'] as const
type Operator = (typeof OPERATORS)[number]

/** Figures that a threshold may be about, each with its unit. The names are those of `metricsOf`. */
export const THRESHOLD_METRICS = {
  'p50': 'ms', 'p75': 'ms', 'p90': 'ms', 'p95': 'ms', 'p99': 'ms', 'p999': 'ms', 'p9999': 'ms', 'max': 'ms', 'mean': 'ms',
  'ack.p50': 'ms', 'ack.p75': 'ms', 'ack.p90': 'ms', 'ack.p95': 'ms', 'ack.p99': 'ms', 'ack.p999': 'ms', 'ack.p9999': 'ms', 'ack.max': 'ms', 'ack.mean': 'ms',
  'lag.p50': 'ms', 'lag.p99': 'ms', 'lag.max': 'ms', 'eventLoopDelay': 'ms',
  'rate': '', 'sentRate': '', 'perCpuSecond': '', 'cpuSeconds': 's', 'rss': 'MiB',
  'sent': '', 'acknowledged': '', 'delivered': '', 'expected': '',
  'lost': '', 'duplicated': '', 'reordered': '', 'undecryptable': '', 'misdelivered': '', 'unacknowledged': '', 'refused': '', 'disconnected': '',
} as const satisfies Readonly<Record<string, string>>

/** What holds for every run, unless a threshold about the same figure says otherwise. */
export const IMPLICIT_THRESHOLDS = [
  'lost==0', 'duplicated==0', 'reordered==0', 'undecryptable==0', 'misdelivered==0', 'unacknowledged==0', 'refused==0', 'disconnected==0',
] as const

/** Units that a time may be given in, in milliseconds. */
const TIME_UNITS = { us: 0.001, ms: 1, s: 1_000 } as const

/** A bound of one figure. */
export interface Threshold {
  readonly text: string
  readonly metric: string
  readonly operator: Operator
  /** In the unit of the figure. */
  readonly bound: number
}

/** A threshold and how the run stands to it. */
export interface JudgedThreshold {
  readonly text: string
  readonly held: boolean
  /** What was measured; null when nothing was. */
  readonly actual: number | null
}

/** Reads `p99<50ms`, `lost==0`, `rate>=1000`. Throws RangeError with what was expected. */
export function parseThreshold(text: string): Threshold {
  return parseThresholdOf(text, THRESHOLD_METRICS)
}

/** Reads a threshold about one of these figures, each with its unit: what begins with `ms` takes times. Throws RangeError with what was expected. */
export function parseThresholdOf(text: string, units: Readonly<Record<string, string>>): Threshold {
  const compact = text.replaceAll(/\s/g, '')
  const operator = OPERATORS.find((one) => compact.includes(one))
  const [metric = '', value = ''] = operator === undefined ? [] : compact.split(operator)
  if (operator === undefined || !Object.hasOwn(units, metric)) {
    throw new RangeError(`"${text}" is no threshold: write a figure, one of ${OPERATORS.join(' ')}, and a bound, as p99<50ms. Figures: ${Object.keys(units).join(', ')}`)
  }
  const match = /^(\d+(?:\.\d+)?)(us|ms|s)?$/.exec(value)
  const isTime = /^ms\b/.test(units[metric] ?? '')
  if (match === null || (match[2] !== undefined && !isTime)) throw new RangeError(`"${text}": "${value}" is no bound for ${metric}${isTime ? ' (as 50ms, 2s, 800us)' : ' (a number)'}`)
  // The expression lets no other unit through.
  const unit = (match[2] ?? 'ms') as keyof typeof TIME_UNITS
  return { text: compact, metric, operator, bound: Number(match[1]) * (isTime ? TIME_UNITS[unit] : 1) }
}

/** The thresholds of a run: those that were given, and the implicit ones about other figures. */
export function allThresholds(given: readonly Threshold[]): readonly Threshold[] {
  const named = new Set(given.map(({ metric }) => metric))
  return [...IMPLICIT_THRESHOLDS.map(parseThreshold).filter(({ metric }) => !named.has(metric)), ...given]
}

/** Holds figures against thresholds. One whose figure was not measured does not hold. */
export function judgeThresholds(thresholds: readonly Threshold[], metrics: Readonly<Record<string, number>>): readonly JudgedThreshold[] {
  return thresholds.map(({ text, metric, operator, bound }) => {
    const actual = metrics[metric]
    return actual === undefined ? { text, held: false, actual: null } : { text, held: holds(actual, operator, bound), actual }
  })
}

/** Thresholds that are broken for good while a run goes on: upper bounds of figures that only grow, and of latencies once enough was measured. */
export function brokenForGood(thresholds: readonly Threshold[], metrics: Readonly<Record<string, number>>): readonly string[] {
  return thresholds.filter(({ metric, operator, bound }) => {
    const actual = metrics[metric]
    return actual !== undefined && (operator === '<' || operator === '<=' || operator === '==') && actual > bound
  }).map(({ text }) => text)
}

function holds(actual: number, operator: Operator, bound: number): boolean {
  switch (operator) {
    case '<': return actual < bound
    case '<=': return actual <= bound
    case '>': return actual > bound
    case '>=': return actual >= bound
    case '==': return actual === bound
    default: return operator satisfies never
  }
}
