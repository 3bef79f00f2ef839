import type { Clock } from '@evegram/protocol'

/** An estimate older than this gives way to a newer one, however good it was: clocks drift. */
const SAMPLE_LIFE_MS = 600_000

interface Sample {
  /** Server time minus monotonic time of this device, in ms. */
  readonly offsetMs: number
  readonly roundTripMs: number
  readonly takenAtMs: number
}

/**
 * An estimate of the server's time, from answers that carry it: the one with the shortest round trip counts, placed at its middle
 * (Cristian's method), so the error is at most half of that round trip. Runs on the monotonic clock: setting the clock of the
 * device does not move it. Before the first answer it is the wall clock.
 */
export class ServerClock {
  readonly #clock: Clock
  #best: Sample | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes note that the server said `serverTimeMs` between the monotonic times `sentAtMs` and `answeredAtMs` of this device. */
  observe(serverTimeMs: number, sentAtMs: number, answeredAtMs: number): void {
    const roundTripMs = Math.max(0, answeredAtMs - sentAtMs)
    const sample = { offsetMs: serverTimeMs - (sentAtMs + roundTripMs / 2), roundTripMs, takenAtMs: answeredAtMs }
    const best = this.#best
    if (best === undefined || roundTripMs <= best.roundTripMs || answeredAtMs - best.takenAtMs > SAMPLE_LIFE_MS) this.#best = sample
  }

  /** Estimated server time in ms since 1970, an integer. */
  now(): number {
    const best = this.#best
    return Math.round(best === undefined ? this.#clock.now() : this.#clock.monotonicMs() + best.offsetMs)
  }

  /** How far the wall clock of this device is ahead of the server, in ms, as far as known: `evegram doctor` shows it. */
  get wallAheadMs(): number | undefined {
    return this.#best === undefined ? undefined : this.#clock.now() - this.now()
  }
}
