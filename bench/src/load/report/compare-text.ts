import type { ComparedRun, Ratio, Spread } from '../compare.js'
import type { JudgedGoal } from '../goals.js'
import { verdictText } from './summary.js'

/** A comparison, as text and page show it. */
export interface ComparisonShown {
  readonly runs: readonly ComparedRun[]
  readonly ratios: readonly Ratio[]
  readonly goals: readonly JudgedGoal[]
  readonly notMeasured: readonly { readonly driver: string; readonly reason: string }[]
}

/** A comparison as a person reads it in a terminal. */
export function comparisonLines({ runs, ratios, goals, notMeasured }: ComparisonShown): readonly string[] {
  return [
    ...runLines(runs), '', ...ratios.map(ratioLine), ...notMeasured.map(({ driver, reason }) => `${driver}: not measured: ${reason}`), '', 'goals',
    ...goals.map(({ text, state, actual, notes }) => `  ${state.padEnd(13)}${text}${actual === null ? '' : `: ${spreadText(actual)}`}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`),
  ]
}

/** The median of a figure, and its least and most. */
export function spreadText(spread: Spread | null): string {
  return spread === null ? 'not measured' : `${spread.median.toFixed(2)} (${spread.min.toFixed(2)} to ${spread.max.toFixed(2)})`
}

/** What has to be known of a run before its figures are read; empty when nothing. */
export function runNote({ result }: ComparedRun): string {
  if (result.verdict === 'breach') return verdictText(result)
  return result.validity.valid ? '' : `not valid: ${result.validity.reasons.join('; ')}`
}

function runLines(runs: readonly ComparedRun[]): readonly string[] {
  const width = 2 + Math.max(8, ...runs.map(({ result }) => result.config.driver.length))
  const head = `${'scenario'.padEnd(14)}${'system'.padEnd(width)}${'part'.padEnd(11)}${'run'.padStart(4)}${'delivered/s'.padStart(13)}${'per CPU-s'.padStart(11)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}`
  return [head, ...runs.flatMap((one) => {
    const { scenario, part, run, result: { config, deliveriesPerSecond, server, latency } } = one
    const line = scenario.padEnd(14) + config.driver.padEnd(width) + part.padEnd(11) + String(run + 1).padStart(4) + String(deliveriesPerSecond).padStart(13) +
      (server === null ? '-' : String(server.deliveriesPerCpuSecond)).padStart(11) + latency.delivery.p50.toFixed(2).padStart(9) + latency.delivery.p99.toFixed(2).padStart(9)
    const note = runNote(one)
    return note === '' ? [line] : [line, `  ${note}`]
  })]
}

/** What of a ratio does not stand, in words; empty when all of it does. */
export function ratioNote({ valid, perCpuSecondValid }: Ratio): string {
  if (valid) return ''
  return perCpuSecondValid ? 'per CPU-second stands; rate and p99 do not: a generator was at its end' : 'not valid on this machine now'
}

function ratioLine(ratio: Ratio): string {
  const { scenario, part, of, to, perCpuSecond, rate, p99 } = ratio
  const note = ratioNote(ratio)
  return `${scenario}, ${part}: ${of} / ${to}: deliveries per CPU-second ${spreadText(perCpuSecond)}, deliveries/s ${spreadText(rate)}, p99 ${spreadText(p99)}${note === '' ? '' : `  [${note}]`}`
}
