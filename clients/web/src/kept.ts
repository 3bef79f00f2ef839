/** What this browser keeps under a name; undefined where it keeps nothing, or lets nobody keep anything here (frames, private windows). */
export function readKept(name: string): string | undefined {
  try {
    return globalThis.localStorage.getItem(name) ?? undefined
  } catch {
    // Some browsers throw at the mere look.
    return undefined
  }
}

/** Keeps a text for later visits, or with undefined no more. Where the browser keeps nothing it holds until the page is closed, by whoever called. */
export function keep(name: string, text: string | undefined): void {
  try {
    if (text === undefined) globalThis.localStorage.removeItem(name)
    else globalThis.localStorage.setItem(name, text)
  } catch {
    // See above: nothing here is worth stopping for.
  }
}
