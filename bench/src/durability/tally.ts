/** What became of everything that was written. */
export interface WriteTally {
  readonly acked: number
  /** Acknowledged, and not there. */
  readonly lost: number
  /** There more than once. */
  readonly twice: number
  /** Written without an answer. */
  readonly unknown: number
  /** Written without an answer, and there all the same. */
  readonly unknownThere: number
}

/** Compares what was acknowledged, and what got no answer, with how often each is there. */
export function tallyWrites(acked: ReadonlySet<string>, unknown: ReadonlySet<string>, found: ReadonlyMap<string, number>): WriteTally {
  const count = (ids: Iterable<string>, isCounted: (id: string) => boolean): number => [...ids].filter(isCounted).length
  return {
    acked: acked.size, lost: count(acked, (id) => !found.has(id)), twice: count(found.keys(), (id) => (found.get(id) ?? 0) > 1),
    unknown: unknown.size, unknownThere: count(unknown, (id) => found.has(id)),
  }
}
