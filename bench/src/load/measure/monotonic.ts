/** Readings of both clocks at the start; the tightest one counts. */
const READINGS = 64

/** Microseconds of the monotonic clock of this machine: the same in every process. */
export function monotonicUs(): number {
  return performance.now() * 1_000 + SHARED_OFFSET_US
}

/**
 * `performance.now` counts from the start of the process; this is how far that is from the clock that all processes share. A process may lose its core
 * between two readings: of several, the one counts that lies closest between two of the shared clock.
 */
const SHARED_OFFSET_US = sharedOffsetUs()

function sharedOffsetUs(): number {
  let best = { widthUs: Number.POSITIVE_INFINITY, offsetUs: 0 }
  for (let reading = 0; reading < READINGS; reading++) {
    const before = sharedUs()
    const own = performance.now() * 1_000
    const after = sharedUs()
    if (after - before < best.widthUs) best = { widthUs: after - before, offsetUs: (before + after) / 2 - own }
  }
  return best.offsetUs
}

function sharedUs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + nanoseconds / 1e3
}
