import type { CaseOutcome, CaseStores, DepositCorpus } from './deposit-corpus.js'

/** A case that did not end as it must. */
export interface FailedCase extends CaseOutcome {
  readonly name: string
}

/** How well a corpus was judged: of the bookings that were made how many are right, and of those that must be made how many were. */
export interface DepositVerdict extends DepositScore {
  readonly name: string
  readonly failed: readonly FailedCase[]
}

/** The counts of one corpus, or of several together. */
export interface DepositScore {
  readonly cases: number
  readonly expected: number
  readonly made: number
  readonly right: number
  /** 0 to 1; 1 when nothing was made. */
  readonly precision: number
  /** 0 to 1; 1 when nothing had to be made. */
  readonly recall: number
}

/** Plays every case into `stores`, one after the other. Rejects when a chain does not begin or a case cannot be played. */
export async function judgeCorpus(corpus: DepositCorpus, stores: CaseStores): Promise<DepositVerdict> {
  const failed: FailedCase[] = []
  let [expected, made, right] = [0, 0, 0]
  const open = await corpus.open(stores)
  try {
    for (const [index, { name }] of corpus.cases.entries()) {
      const outcome = await open.play(index)
      expected += outcome.expected.length
      made += outcome.made.length
      right += countShared(outcome.expected, outcome.made)
      if (!isRight(outcome)) failed.push({ name, ...outcome })
    }
  } finally {
    await open.close()
  }
  return { name: corpus.name, ...scoreOf({ cases: corpus.cases.length, expected, made, right }), failed }
}

/** Whether all that must be booked was, nothing else was, and every alarm came. */
export function isRight({ expected, made, alarms, alarmsExpected }: CaseOutcome): boolean {
  return expected.length === made.length && countShared(expected, made) === made.length && String(alarms) === String(alarmsExpected)
}

/** The counts of several corpora together. */
export function together(scores: readonly DepositScore[]): DepositScore {
  const sum = (count: 'cases' | 'expected' | 'made' | 'right'): number => scores.reduce((total, score) => total + score[count], 0)
  return scoreOf({ cases: sum('cases'), expected: sum('expected'), made: sum('made'), right: sum('right') })
}

function scoreOf(counts: Omit<DepositScore, 'precision' | 'recall'>): DepositScore {
  const { expected, made, right } = counts
  return { ...counts, precision: made === 0 ? 1 : right / made, recall: expected === 0 ? 1 : right / expected }
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
