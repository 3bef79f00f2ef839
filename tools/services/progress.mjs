// A line a step, with the seconds since the command started; the same on a terminal and in a log.

/** `say(line)` prints to standard error. */
export function startProgress(write = (line) => console.error(line)) {
  const startedAt = performance.now()
  return (line) => write(`[${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s] ${line}`)
}
