import { saturationReasons } from './measure/saturation.js'
import { allThresholds, judgeThresholds, type Threshold } from './measure/thresholds.js'
import { metricsOf, RESULT_FORMAT, type LoadResult, type Unjudged } from './result.js'

/** How a run is judged. */
export interface JudgeOptions {
  readonly thresholds: readonly Threshold[]
  /** The counters decide alone: an overloaded generator is told, and fails nothing. For checks on busy machines. */
  readonly isCountersOnly: boolean
}

/** Holds a run against its thresholds, and says whether it measured the server at all. A broken threshold counts more than an invalid run: it was seen. */
export function judgeRun(run: Unjudged, { thresholds, isCountersOnly }: JudgeOptions): LoadResult {
  const reasons = [...saturationReasons(run.generator), ...(run.counters.sent === 0 && isSending(run) ? ['nothing was sent'] : [])]
  const judged = judgeThresholds(allThresholds(thresholds), metricsOf(run))
  const notes = [
    ...(run.server === null ? ['the processes of the server are not known: its CPU and memory were not measured'] : []),
    ...(run.isAborted ? ['the run was ended early, because a threshold was broken for good'] : []),
    ...(run.system.acknowledges === 'nothing' ? ['this system acknowledges nothing'] : []),
    ...(run.system.acknowledges === 'memory' ? ['this system acknowledges what is in its memory'] : []),
    ...(run.counters.refused > 0 && run.failures['limited.rate'] !== undefined ? ['the server limits the rate of each device: start it with EVEGRAM_RATE_FACTOR=100000 for load tests'] : []),
  ]
  const isBroken = judged.some(({ held }) => !held)
  const verdict = isBroken ? 'breach' : reasons.length > 0 && !isCountersOnly ? 'invalid' : 'pass'
  return { ...run, format: RESULT_FORMAT, thresholds: judged, validity: { valid: reasons.length === 0, reasons }, notes, verdict }
}

function isSending({ config }: Unjudged): boolean {
  return config.loop.kind === 'closed' || config.loop.stages.some(({ fromPerSecond, toPerSecond }) => fromPerSecond + toPerSecond > 0)
}
