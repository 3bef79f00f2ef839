/** Numbers from `from` to `to`, both included. */
export interface NumberRange {
  readonly from: number
  readonly to: number
}

/**
 * A set of numbers of a chain: all from 1 to `upTo`, except `missing`. Its one normal form, in which equal sets are equal: ranges ascend, with numbers between
 * them, and `upTo` is in the set (0 for the empty set).
 */
export interface NumberSet {
  readonly upTo: number
  readonly missing: readonly NumberRange[]
}

/** The empty set. */
export const NO_NUMBERS: NumberSet = { upTo: 0, missing: [] }

/** The set of 1 to `upTo` without `missing`, which may come in any order, overlap, and lie beyond `upTo`. */
export function numberSet(upTo: number, missing: readonly NumberRange[]): NumberSet {
  const holes: { from: number; to: number }[] = []
  for (const { from, to } of [...missing].sort((left, right) => left.from - right.from)) {
    const last = holes.at(-1)
    if (from > upTo || to < from) continue
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to)
    else holes.push({ from, to })
  }
  const end = holes.at(-1)
  return end !== undefined && end.to >= upTo ? { upTo: end.from - 1, missing: holes.slice(0, -1) } : { upTo, missing: holes }
}

/** Whether `number` is in the set. */
export function hasNumber({ upTo, missing }: NumberSet, number: number): boolean {
  return number >= 1 && number <= upTo && !missing.some(({ from, to }) => from <= number && number <= to)
}

/** What is in one of two sets. Commutative, associative, and the same again changes nothing: whatever order they come in, the result is one. */
export function unite(one: NumberSet, other: NumberSet): NumberSet {
  const [left, right] = [outside(one), outside(other)]
  const both: NumberRange[] = []
  for (let at = 0, against = 0; ;) {
    const [mine, theirs] = [left[at], right[against]]
    if (mine === undefined || theirs === undefined) break
    const from = Math.max(mine.from, theirs.from)
    const to = Math.min(mine.to, theirs.to)
    if (from <= to) both.push({ from, to })
    if (mine.to < theirs.to) at += 1
    else against += 1
  }
  return numberSet(Math.max(one.upTo, other.upTo), both)
}

/** Whether both hold the same. */
export function sameNumbers(one: NumberSet, other: NumberSet): boolean {
  return one.upTo === other.upTo && one.missing.length === other.missing.length
    && one.missing.every(({ from, to }, at) => other.missing[at]?.from === from && other.missing[at].to === to)
}

function outside({ upTo, missing }: NumberSet): readonly NumberRange[] {
  return [...missing, { from: upTo + 1, to: Infinity }]
}
