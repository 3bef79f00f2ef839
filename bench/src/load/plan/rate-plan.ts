/** A part of a run: the rate goes evenly from one value to another. */
export interface Stage {
  readonly seconds: number
  readonly fromPerSecond: number
  readonly toPerSecond: number
}

/** Most parts of a plan. */
export const STAGES_MAX = 64
/** Longest run: one day. */
export const RUN_SECONDS_MAX = 86_400
/** Highest rate that can be planned. */
export const RATE_MAX_PER_SECOND = 5_000_000

/** The planned rate over time, and with it how many messages are planned up to any time. Times are seconds from the start. */
export class RatePlan {
  readonly stages: readonly Stage[]

  /** Throws RangeError for stages that are no plan: none or too many of them, lengths or rates below zero, longer than a day. */
  constructor(stages: readonly Stage[]) {
    if (stages.length === 0 || stages.length > STAGES_MAX) throw new RangeError(`a plan has 1 to ${String(STAGES_MAX)} stages`)
    for (const { seconds, fromPerSecond, toPerSecond } of stages) {
      if (!(seconds > 0 && seconds <= RUN_SECONDS_MAX)) throw new RangeError('a stage lasts more than 0 seconds and at most a day')
      if (![fromPerSecond, toPerSecond].every((rate) => rate >= 0 && rate <= RATE_MAX_PER_SECOND)) throw new RangeError(`a rate is from 0 to ${String(RATE_MAX_PER_SECOND)} per second`)
    }
    this.stages = stages
    if (this.seconds > RUN_SECONDS_MAX) throw new RangeError('a run lasts at most a day')
  }

  /** Length of the whole plan. */
  get seconds(): number {
    return this.stages.reduce((sum, { seconds }) => sum + seconds, 0)
  }

  /** Planned rate at a time; 0 outside of the plan. */
  rateAt(atSeconds: number): number {
    let start = 0
    for (const { seconds, fromPerSecond, toPerSecond } of this.stages) {
      if (atSeconds >= start && atSeconds < start + seconds) return fromPerSecond + (toPerSecond - fromPerSecond) * ((atSeconds - start) / seconds)
      start += seconds
    }
    return 0
  }

  /** Messages that are planned from the start up to a time (the integral of the rate). */
  plannedUntil(atSeconds: number): number {
    let [start, planned] = [0, 0]
    for (const { seconds, fromPerSecond, toPerSecond } of this.stages) {
      const inside = Math.min(seconds, Math.max(0, atSeconds - start))
      planned += fromPerSecond * inside + ((toPerSecond - fromPerSecond) * inside * inside) / (2 * seconds)
      start += seconds
    }
    return planned
  }

  /** When so many messages are planned: the inverse of {@link plannedUntil}. Undefined when the plan ends before. */
  timeOf(planned: number): number | undefined {
    let [start, before] = [0, 0]
    for (const { seconds, fromPerSecond, toPerSecond } of this.stages) {
      const inside = ((fromPerSecond + toPerSecond) / 2) * seconds
      if (planned < before + inside) return start + timeInStage({ seconds, fromPerSecond, toPerSecond }, planned - before)
      start += seconds
      before += inside
    }
    return undefined
  }

  /** The same plan at a share of its rates: what one of several workers does. */
  scaled(share: number): RatePlan {
    return new RatePlan(this.stages.map(({ seconds, fromPerSecond, toPerSecond }) => ({ seconds, fromPerSecond: fromPerSecond * share, toPerSecond: toPerSecond * share })))
  }
}

/** Solves from * t + slope * t^2 / 2 = count for t. In the form with the root below the line: nothing cancels out where the slope is small. */
function timeInStage({ seconds, fromPerSecond, toPerSecond }: Stage, count: number): number {
  const slope = (toPerSecond - fromPerSecond) / seconds
  const divisor = fromPerSecond + Math.sqrt(Math.max(0, fromPerSecond * fromPerSecond + 2 * slope * count))
  return divisor === 0 ? 0 : Math.min(seconds, (2 * count) / divisor)
}

/** Reads `10s:200,1m:0-500,30s:500`: each part is a length and a rate, or a rate to begin with and one to end with. Throws RangeError with what was expected. */
export function parseStages(text: string): readonly Stage[] {
  return text.split(',').map((part) => {
    const match = /^([0-9.]+(?:ms|s|m|h)?):([0-9.]+)(?:-([0-9.]+))?$/.exec(part.trim())
    if (match === null) throw new RangeError(`"${part}" is no stage: write a length and a rate, as 30s:500, or two rates for a ramp, as 30s:100-500`)
    const [, length = '', from = '', to = from] = match
    return { seconds: parseSeconds(length), fromPerSecond: Number(from), toPerSecond: Number(to) }
  })
}

const UNIT_SECONDS = { ms: 0.001, s: 1, m: 60, h: 3_600 } as const

/** Seconds of `500ms`, `30s`, `5m`, `1h`, or `30`. Throws RangeError for anything else, and for zero. */
export function parseSeconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim())
  // The expression lets nothing else through as a unit.
  const unit = (match?.[2] ?? 's') as keyof typeof UNIT_SECONDS
  const seconds = match === null ? Number.NaN : Number(match[1]) * UNIT_SECONDS[unit]
  if (!(seconds > 0 && seconds <= RUN_SECONDS_MAX)) throw new RangeError(`"${text}" is no length of time: write 500ms, 30s, 5m or 1h (at most a day)`)
  return seconds
}
