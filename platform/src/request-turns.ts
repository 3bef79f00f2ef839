import { EvegramError } from '@evegram/protocol'

/** Requests that are begun in one turn of the event loop: what else runs in the process waits for no more than these. */
export const REQUESTS_PER_TURN = 8
/** Requests that wait for their turn; one more is refused. */
export const REQUESTS_WAITING_MAX = 10_000

/**
 * Spreads bursts of requests over turns of the event loop, in the order in which they came. Without it a thousand requests that arrive
 * together are all begun before a socket of anybody else is looked at. `defer` runs a task at the end of the turn (setImmediate).
 */
export class RequestTurns {
  readonly #defer: (task: () => void) => void
  readonly #waiting: (() => void)[] = []
  #begun = 0
  #planned = false

  constructor(defer: (task: () => void) => void) {
    this.#defer = defer
  }

  /** Undefined when the request may begin at once, else a promise for its turn. Throws `limited.queue`. */
  take(): Promise<void> | undefined {
    this.#plan()
    if (this.#begun < REQUESTS_PER_TURN && this.#waiting.length === 0) {
      this.#begun++
      return undefined
    }
    if (this.#waiting.length >= REQUESTS_WAITING_MAX) throw new EvegramError('limited.queue', { operation: 'begin request' })
    return new Promise((resolve) => { this.#waiting.push(resolve) })
  }

  #plan(): void {
    if (this.#planned) return
    this.#planned = true
    this.#defer(() => {
      this.#planned = false
      const next = this.#waiting.splice(0, REQUESTS_PER_TURN)
      this.#begun = next.length
      if (next.length > 0) this.#plan()
      for (const begin of next) begin()
    })
  }
}
