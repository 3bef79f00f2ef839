/**
 * Ends what a test began, one after the other. What fails to end, or was never begun because something before it failed, keeps nothing else from its end: a server that is left behind would hold its
 * ports until somebody looks. Rejects with the first failure.
 */
export async function endAll(...ends: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const end of ends) {
    try {
      await end()
    } catch (failure) {
      failures.push(failure)
    }
  }
  if (failures.length > 0) throw failures[0]
}
