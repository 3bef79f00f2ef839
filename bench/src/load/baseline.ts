import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LoadConfig } from './config.js'
import { metricsOf, type LoadResult } from './result.js'
import { TASK_RESULT_FORMAT, type TaskResult } from './tasks/task-result.js'

/** Name and version of a line. */
export const BASELINE_FORMAT = 'evegram-bench-baseline/1'
/** Where accepted runs are kept: one file for each scenario, one line for each run. */
export const BASELINES = fileURLToPath(new URL('../../baselines/', import.meta.url))
/** Figures that are kept: those that a diff judges, and how much was measured. */
const KEPT = ['p50', 'p90', 'p99', 'p999', 'ack.p50', 'ack.p99', 'rate', 'sentRate', 'perCpuSecond', 'rss', 'sent', 'lost', 'duplicated', 'reordered', 'undecryptable', 'misdelivered', 'unacknowledged', 'refused', 'disconnected'] as const

/** What can be accepted: a run of messages, or of a scenario with steps of its own. */
export type AnyResult = LoadResult | TaskResult

/** One accepted run. */
export interface Baseline {
  readonly format: typeof BASELINE_FORMAT
  readonly startedAt: string
  readonly commit: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly kernel: string; readonly node: string }
  readonly scenario: string
  /** Everything that decides what was done: of a scenario with steps its own options. */
  readonly config: LoadConfig | TaskResult['config']
  readonly figures: Readonly<Record<string, number>>
  /** Why the figures are what they are, for who reads the history. */
  readonly why: string
}

/** What makes a run one that later ones are compared with. Throws RangeError for a run that is not valid, or broke a promise. */
export function baselineOf(result: AnyResult, why: string): Baseline {
  if (!result.validity.valid) throw new RangeError(`a run that is not valid is no baseline: ${result.validity.reasons.join('; ')}`)
  if (result.verdict !== 'pass') throw new RangeError('a run that broke a threshold is no baseline')
  const { cpu, cores, memoryGiB, kernel, node, commit } = result.machine
  const figures = figuresOf(result)
  // A scenario with steps has few figures, and all of them are its own.
  const kept = isTask(result) ? Object.keys(figures) : KEPT
  return {
    format: BASELINE_FORMAT, startedAt: result.startedAt, commit, machine: { cpu, cores, memoryGiB, kernel, node }, scenario: scenarioOf(result), config: result.config,
    figures: Object.fromEntries(kept.flatMap((name) => (figures[name] === undefined ? [] : [[name, figures[name]]]))), why,
  }
}

/** All figures of a run, by name. */
export function figuresOf(result: AnyResult): Readonly<Record<string, number>> {
  return isTask(result) ? result.figures : metricsOf(result)
}

/** What the scenario of a run is called. */
export function scenarioOf(result: AnyResult): string {
  return isTask(result) ? result.scenario : result.config.scenario
}

function isTask(result: AnyResult): result is TaskResult {
  return result.format === TASK_RESULT_FORMAT
}

/** Adds a line to the history of the run's scenario in `folder`; answers with the file. */
export function acceptBaseline(folder: string, baseline: Baseline): string {
  const file = fileOf(folder, baseline.scenario)
  mkdirSync(folder, { recursive: true })
  appendFileSync(file, `${JSON.stringify(baseline)}\n`)
  return file
}

/** The last accepted run that this one can be compared with: the same load on a machine of the same class. Undefined when there is none. Throws RangeError for a history that is no such file. */
export function lastBaseline(folder: string, result: AnyResult): Baseline | undefined {
  const file = fileOf(folder, scenarioOf(result))
  if (!existsSync(file)) return undefined
  const lines = readFileSync(file, 'utf8').split('\n').flatMap((line, index) => (line === '' ? [] : [parsed(line, `${file}:${String(index + 1)}`)]))
  return lines.findLast((baseline) => classOf(baseline.machine) === classOf(result.machine) && loadOf(baseline.config) === loadOf(result.config))
}

/** What has to be the same for figures to be comparable: processor, cores, memory, and the major version of Node. */
function classOf({ cpu, cores, memoryGiB, node }: Baseline['machine']): string {
  return JSON.stringify([cpu, cores, memoryGiB, node.split('.')[0]])
}

/** Everything that a run was asked for, but for its seed; the rate of an open loop may be one that was measured, and so never the same twice. */
function loadOf(config: Baseline['config']): string {
  const { seed: _seed, ...load }: Readonly<Record<string, unknown>> = { ...config }
  return JSON.stringify(Object.entries(load).sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** The name of a scenario may be a path of somebody else's file. */
function fileOf(folder: string, scenario: string): string {
  return join(folder, `${scenario.replaceAll(/[^\w-]/g, '_')}.ndjson`)
}

function parsed(line: string, where: string): Baseline {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new RangeError(`${where} is no JSON`)
  }
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== BASELINE_FORMAT) throw new RangeError(`${where} is no baseline of this version (${BASELINE_FORMAT})`)
  return value as Baseline // written by this program, by its format
}
