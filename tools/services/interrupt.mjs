// Ctrl-C: once to stop in order, twice to stop at once.

/** npm passes a terminal's Ctrl-C on to its children, which had it already: what comes this soon is the same one. */
const SAME_MS = 1_000
const EXIT_INTERRUPTED = 130

/** Returns an AbortSignal that fires on the first SIGINT, SIGTERM or SIGHUP (the terminal was closed); a second one, a second later or more, ends the process at once. */
export function interruptSignal() {
  const abort = new AbortController()
  let firstAt
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      firstAt ??= performance.now()
      if (!abort.signal.aborted) abort.abort(new Error(`interrupted by ${name}`))
      else if (performance.now() - firstAt > SAME_MS) process.exit(EXIT_INTERRUPTED)
    })
  }
  return abort.signal
}
