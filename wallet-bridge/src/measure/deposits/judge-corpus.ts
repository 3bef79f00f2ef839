import type { DepositCase } from './corpus.js'
import { runDepositCase, type CaseOutcome, type CaseStores } from './run-case.js'

/** A case that did not end as it must. */
export interface FailedCase extends CaseOutcome {
  readonly name: string
}

/** How well a corpus was judged: of the bookings that were made how many are right, and of those that must be made how many were. */
export interface DepositVerdict {
  readonly cases: number
  readonly expected: number
  readonly made: number
  readonly right: number
  /** 0 to 1; 1 when nothing was made. */
  readonly precision: number
  /** 0 to 1; 1 when nothing had to be made. */
  readonly recall: number
  readonly failed: readonly FailedCase[]
}

/** Plays every case into `stores`, one after the other. */
export async function judgeCorpus(corpus: readonly DepositCase[], stores: CaseStores): Promise<DepositVerdict> {
  const failed: FailedCase[] = []
  let [expected, made, right] = [0, 0, 0]
  for (const [index, one] of corpus.entries()) {
    const outcome = await runDepositCase(one, stores, `case${String(index)}`)
    const matched = countShared(outcome.expected, outcome.made)
    expected += outcome.expected.length
    made += outcome.made.length
    right += matched
    const isRight = matched === outcome.expected.length && matched === outcome.made.length && String(outcome.alarms) === String(outcome.alarmsExpected)
    if (!isRight) failed.push({ name: one.name, ...outcome })
  }
  return { cases: corpus.length, expected, made, right, precision: made === 0 ? 1 : right / made, recall: expected === 0 ? 1 : right / expected, failed }
}

/** How many of `left` have a partner of their own in `right`. */
function countShared(left: readonly string[], right: readonly string[]): number {
  const rest = [...right]
  return left.filter((item) => {
    const at = rest.indexOf(item)
    if (at === -1) return false
    rest.splice(at, 1)
    return true
  }).length
}
