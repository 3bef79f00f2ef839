import { LIMITS } from '@evegram/protocol'
import type { SendEvents } from './driver.js'

/** A power of two: as many as a server takes of one client before it answers. */
const PLACES = LIMITS.sendsInFlightMax

interface Waiting {
  readonly token: number
  readonly events: SendEvents
}

/**
 * The sends of one client that wait for their answers. Correlations rise by one, so the last ones have places by their lowest bits, and leave nothing behind for
 * the collector; what waits longer than that is kept apart.
 */
export class InFlightSends {
  readonly #correlations = new Float64Array(PLACES).fill(-1)
  readonly #tokens = new Float64Array(PLACES)
  readonly #events = new Array<SendEvents | undefined>(PLACES).fill(undefined)
  readonly #long = new Map<number, Waiting>()

  /** A send left. */
  add(correlation: number, token: number, events: SendEvents): void {
    const place = correlation & (PLACES - 1)
    const [standing, last] = [this.#events[place], this.#correlations[place]]
    if (standing !== undefined && last !== undefined && last !== correlation) this.#long.set(last, { token: this.#tokens[place] ?? 0, events: standing })
    this.#correlations[place] = correlation
    this.#tokens[place] = token
    this.#events[place] = events
  }

  /** Its acknowledgement came. One that nobody waits for says nothing. */
  acknowledged(correlation: number): void {
    const place = correlation & (PLACES - 1)
    const events = this.#events[place]
    if (events !== undefined && this.#correlations[place] === correlation) {
      this.#events[place] = undefined
      events.acknowledged(this.#tokens[place] ?? 0)
    } else {
      const waiting = this.#takeLong(correlation)
      waiting?.events.acknowledged(waiting.token)
    }
  }

  /** It was refused. One that nobody waits for says nothing. */
  refused(correlation: number, reason: string): void {
    const place = correlation & (PLACES - 1)
    const events = this.#events[place]
    if (events !== undefined && this.#correlations[place] === correlation) {
      this.#events[place] = undefined
      events.refused(this.#tokens[place] ?? 0, reason)
    } else {
      const waiting = this.#takeLong(correlation)
      waiting?.events.refused(waiting.token, reason)
    }
  }

  #takeLong(correlation: number): Waiting | undefined {
    const waiting = this.#long.get(correlation)
    this.#long.delete(correlation)
    return waiting
  }
}
