import type { machineFacts } from '../../process-cost.js'
import { judgeThresholds, parseThresholdOf, type JudgedThreshold, type Threshold } from '../measure/thresholds.js'
import type { Verdict } from '../result.js'
import type { Task, TaskOutcome } from './task.js'

/** Name and version of the format. */
export const TASK_RESULT_FORMAT = 'evegram-bench-task/1'

/** The result of a task: what `--json` prints. */
export interface TaskResult extends Omit<TaskOutcome, 'invalid'> {
  readonly format: typeof TASK_RESULT_FORMAT
  readonly scenario: string
  readonly startedAt: string
  readonly seed: string
  readonly config: Readonly<Record<string, string | number>>
  /** The same for a person. */
  readonly text: string
  readonly system: { readonly description: string; readonly pids: readonly number[] }
  readonly machine: ReturnType<typeof machineFacts> & { readonly memoryGiB: number; readonly loadAverageBefore: readonly number[]; readonly loadAverageAfter: readonly number[] }
  /** Units of the figures. */
  readonly units: Readonly<Record<string, string>>
  readonly thresholds: readonly JudgedThreshold[]
  readonly validity: { readonly valid: boolean; readonly reasons: readonly string[] }
  readonly verdict: Verdict
}

/** A result before it was judged. */
export type UnjudgedTask = Omit<TaskResult, 'thresholds' | 'validity' | 'verdict' | 'format'> & Pick<TaskOutcome, 'invalid'>

/** The thresholds of a run: those that were given, and the task's own about other figures. */
export function taskThresholds({ mustHold, figures }: Pick<Task, 'mustHold' | 'figures'>, given: readonly Threshold[]): readonly Threshold[] {
  const named = new Set(given.map(({ metric }) => metric))
  return [...mustHold.map((text) => parseThresholdOf(text, figures)).filter(({ metric }) => !named.has(metric)), ...given]
}

/** Holds a run against its thresholds. A broken one counts more than an invalid run: it was seen. With `isCountersOnly` an invalid run is told and fails nothing. */
export function judgeTask({ invalid, ...run }: UnjudgedTask, thresholds: readonly Threshold[], isCountersOnly: boolean): TaskResult {
  const judged = judgeThresholds(thresholds, run.figures)
  const verdict = judged.some(({ held }) => !held) ? 'breach' : invalid.length > 0 && !isCountersOnly ? 'invalid' : 'pass'
  return { ...run, format: TASK_RESULT_FORMAT, thresholds: judged, validity: { valid: invalid.length === 0, reasons: invalid }, verdict }
}
