import { decodeLatencyHistogram } from '../measure/latency-histogram.js'
import type { TaskResult } from '../tasks/task-result.js'
import { metricsOf, type LoadResult, type TimelinePoint } from '../result.js'

const COLUMNS = [
  'atSeconds', 'isWarmUp', 'planned', 'sent', 'acknowledged', 'delivered', 'refused', 'duplicated', 'p50Ms', 'p99Ms', 'maxMs', 'sendLagMaxMs',
  'serverCpuPercent', 'serverRssMiB', 'serverLoopDelayMs', 'generatorCpuPercent',
] as const satisfies readonly (keyof TimelinePoint)[]

/** The timeline as CSV (RFC 4180), one line an interval; what was not measured is empty. */
export function timelineCsv({ timeline }: Pick<LoadResult, 'timeline'>): string {
  return [COLUMNS.join(','), ...timeline.map((point) => COLUMNS.map((column) => String(point[column] ?? '')).join(','))].join('\r\n') + '\r\n'
}

/** The delivery latencies in the format of HdrHistogram's plotter, in milliseconds. */
export function deliveryHgrm({ latency }: Pick<LoadResult, 'latency'>): string {
  return decodeLatencyHistogram(latency.delivery.histogram).hgrm()
}

/** All figures in the Prometheus text format, for a push gateway or the textfile collector. */
export function prometheusText(result: LoadResult): string {
  const { scenario, driver, seed } = result.config
  return gauges(`{scenario="${escaped(scenario)}",driver="${escaped(driver)}",seed="${escaped(seed)}"}`, result.validity.valid, metricsOf(result))
}

/** The figures of a task in the same format. */
export function taskPrometheus({ scenario, seed, validity, figures }: Pick<TaskResult, 'scenario' | 'seed' | 'validity' | 'figures'>): string {
  return gauges(`{scenario="${escaped(scenario)}",driver="evegram",seed="${escaped(seed)}"}`, validity.valid, figures)
}

function gauges(labels: string, isValid: boolean, metrics: Readonly<Record<string, number>>): string {
  const valid = ['# TYPE evegram_bench_valid gauge', `evegram_bench_valid${labels} ${isValid ? '1' : '0'}`]
  const figures = Object.entries(metrics).flatMap(([name, value]) => {
    const metric = `evegram_bench_${name.replaceAll('.', '_').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
    return [`# TYPE ${metric} gauge`, `${metric}${labels} ${String(value)}`]
  })
  return [...valid, ...figures].join('\n') + '\n'
}

/** A label value as the format wants it. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
