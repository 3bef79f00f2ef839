/** What a run exercised: counts by name. A green run that tested nothing shows here. */
export class Coverage {
  readonly #counts = new Map<string, number>()

  /** Counts `times` more of `name`: `fault/...`, `branch/...`, `workload/...`, `audit/...`, `lie/...`. */
  count(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times)
  }

  /** The count of `name` so far. */
  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** All counts, by name in order. */
  toJSON(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)))
  }
}
