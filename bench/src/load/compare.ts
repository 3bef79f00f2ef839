import { costStands } from './measure/saturation.js'
import type { LoadResult } from './result.js'

/** Parts of a comparison: as fast as it goes, and at half of that at planned times. */
export const PARTS = ['closed', 'open 50 %'] as const
/** See {@link PARTS}. */
export type Part = (typeof PARTS)[number]

/** One measured part of one system. */
export interface ComparedRun {
  readonly scenario: string
  readonly part: Part
  /** Repetition, from 0. */
  readonly run: number
  readonly result: LoadResult
}

/** A figure over the repetitions. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** One system against another in one part of one scenario: values of the first divided by those of the other, repetition by repetition. */
export interface Ratio {
  readonly scenario: string
  readonly part: Part
  readonly of: string
  readonly to: string
  /** Deliveries per CPU-second of the server: more than 1 is better. Null when one of them was not measured. */
  readonly perCpuSecond: Spread | null
  /** Deliveries a second. */
  readonly rate: Spread
  /** Of the delivery latency: less than 1 is better. */
  readonly p99: Spread | null
  /** Whether every run behind it says something about its server: rates and latencies. */
  readonly valid: boolean
  /** Whether {@link perCpuSecond} may be read all the same: see `costStands`. */
  readonly perCpuSecondValid: boolean
}

/** The ratios of `of` to every other system that was measured beside it. */
export function ratiosOf(runs: readonly ComparedRun[], of: string): readonly Ratio[] {
  const ratios: Ratio[] = []
  for (const scenario of new Set(runs.map((one) => one.scenario))) {
    for (const part of PARTS) {
      const here = runs.filter((one) => one.scenario === scenario && one.part === part)
      const own = here.filter(({ result }) => result.config.driver === of)
      for (const to of new Set(here.map(({ result }) => result.config.driver))) {
        if (to === of || own.length === 0) continue
        const pairs = own.flatMap((one) => here.filter(({ run, result }) => run === one.run && result.config.driver === to).map((other) => ({ one: one.result, other: other.result })))
        ratios.push({
          scenario, part, of, to,
          perCpuSecond: spreadOf(pairs.flatMap(({ one, other }) => divided(one.server?.deliveriesPerCpuSecond, other.server?.deliveriesPerCpuSecond))),
          rate: spreadOf(pairs.flatMap(({ one, other }) => divided(one.deliveriesPerSecond, other.deliveriesPerSecond))) ?? { median: 0, min: 0, max: 0 },
          p99: spreadOf(pairs.flatMap(({ one, other }) => divided(one.latency.delivery.p99, other.latency.delivery.p99))),
          valid: pairs.length > 0 && pairs.every(({ one, other }) => one.validity.valid && other.validity.valid),
          perCpuSecondValid: pairs.length > 0 && pairs.every(({ one, other }) => [one, other].every((run) => run.verdict !== 'breach' && costStands(run.generator))),
        })
      }
    }
  }
  return ratios
}

/** Median, least and most; null without values. The median of an even number is the lower one of the two: a value that was measured. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = [...values].sort((left, right) => left - right)
  const [min, max, median] = [sorted[0], sorted.at(-1), sorted[Math.floor((sorted.length - 1) / 2)]]
  return min === undefined || max === undefined || median === undefined ? null : { min, max, median }
}

function divided(value: number | undefined, by: number | undefined): readonly number[] {
  return value === undefined || by === undefined || by === 0 ? [] : [Number((value / by).toFixed(3))]
}
