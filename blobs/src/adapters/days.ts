/** One day in ms. */
export const DAY_MS = 24 * 3_600_000

/** The day of a time (UTC), as text that sorts like time. */
export function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10)
}
