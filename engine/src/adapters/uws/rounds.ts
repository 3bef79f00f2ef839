import type { Clock } from '@evegram/protocol'

/** From so many messages a millisecond on there are rounds: a core is a good part busy with them then. */
export const ROUNDS_FROM_PER_MS = 16
/** A round takes at least so long, so that this is how much later a message is read at most. */
export const ROUND_MS = 1
/** The rate is that of the last stretch of so many ms or more: a burst in one moment is none. */
const RATE_OVER_MS = 10

/** What rounds are made of. */
export interface RoundParts {
  readonly clock: Clock
  /** Holds the thread for `ms`. */
  readonly rest: (ms: number) => void
  /** Runs `round` once, in the next turn of the event loop. */
  readonly nextTurn: (round: () => void) => void
}

/**
 * While many messages come, the event loop turns at most once a millisecond: before it would look at the sockets again sooner, its thread rests. Each look has
 * a price of its own (waking, asking which sockets have something, a way into JavaScript and back for each), and without a rest a loop that has room looks again
 * and again for a few messages. So a network card holds back its interrupts. Meanwhile the threads of the store have the core.
 */
export class Rounds {
  readonly #parts: RoundParts
  readonly #round = (): void => { this.#go() }
  #count = 0
  #sinceMs = Number.NEGATIVE_INFINITY
  #perMs = 0
  #lastMs = Number.NEGATIVE_INFINITY
  #planned = false

  constructor(parts: RoundParts) {
    this.#parts = parts
  }

  /** A message came. */
  heard(): void {
    this.#count++
    if (this.#planned) return
    this.#planned = true
    this.#parts.nextTurn(this.#round)
  }

  #go(): void {
    const { clock, rest, nextTurn } = this.#parts
    const nowMs = clock.monotonicMs()
    const elapsedMs = nowMs - this.#sinceMs
    if (elapsedMs >= RATE_OVER_MS) {
      this.#perMs = this.#count / elapsedMs
      this.#count = 0
      this.#sinceMs = nowMs
    }
    if (this.#perMs < ROUNDS_FROM_PER_MS) {
      // The next message asks again.
      this.#planned = false
      return
    }
    const restMs = this.#lastMs + ROUND_MS - nowMs
    if (restMs > 0) rest(restMs)
    this.#lastMs = clock.monotonicMs()
    nextTurn(this.#round)
  }
}

/** Holds the thread that calls it for `ms`. Nothing else happens on it meanwhile. */
export function restThread(ms: number): void {
  Atomics.wait(CELL, 0, 0, ms)
}

/** Nobody ever writes here: what waits for it waits for its time. */
const CELL = new Int32Array(new SharedArrayBuffer(4))
