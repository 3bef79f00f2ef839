/** One attempt of a case: the documented answer and the one that came. */
export interface Attempt {
  readonly what: string
  readonly expected: string
  readonly got: string
}

/** The answer of `work` against what is documented; an exception is an answer too. */
export async function attempt(what: string, expected: string, work: () => Promise<string>): Promise<Attempt> {
  try {
    return { what, expected, got: await work() }
  } catch (error) {
    return { what, expected, got: `threw: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** `3 x a, 1 x b`, the most frequent first, equal ones by name. */
export function tally(answers: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  return [...counts].sort(([left, leftCount], [right, rightCount]) => rightCount - leftCount || (left < right ? -1 : 1))
    .map(([answer, count]) => `${String(count)} x ${answer}`).join(', ')
}
