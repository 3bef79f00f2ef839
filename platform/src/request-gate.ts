import { EvegramError } from '@evegram/protocol'

/**
 * Lets a bounded number of requests run at once and a bounded number wait, first come, first served.
 * Architecture invariant: a request is either running, waiting or refused; a slot is handed to the next one that waits, never lost.
 */
export class RequestGate {
  readonly #inFlightMax: number
  readonly #queuedMax: number
  readonly #onRefused: () => void
  readonly #operation: string
  #inFlight = 0
  /** Those that wait from `#next` on; the part before is cut away now and then. */
  #waiting: (() => void)[] = []
  #next = 0

  /** `operation`: what a refused request wanted to do, for its error. */
  constructor(options: { readonly inFlightMax: number; readonly queuedMax: number; readonly operation: string; readonly onRefused?: () => void }) {
    this.#inFlightMax = options.inFlightMax
    this.#queuedMax = options.queuedMax
    this.#operation = options.operation
    this.#onRefused = options.onRefused ?? (() => undefined)
  }

  /** Requests that run. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Requests that wait. */
  get queued(): number {
    return this.#waiting.length - this.#next
  }

  /** Runs `request` when there is a slot. Rejects `limited.queue`, and then did not run it, when too many wait already. */
  async run<Result>(request: () => Promise<Result>): Promise<Result> {
    if (this.#inFlight < this.#inFlightMax) this.#inFlight++
    else await this.#wait()
    try {
      return await request()
    } finally {
      this.#release()
    }
  }

  #wait(): Promise<void> {
    if (this.queued >= this.#queuedMax) {
      this.#onRefused()
      return Promise.reject(new EvegramError('limited.queue', { operation: this.#operation, details: { outcome: 'refused', queued: this.queued } }))
    }
    return new Promise((resolve) => { this.#waiting.push(resolve) })
  }

  #release(): void {
    const next = this.#waiting[this.#next]
    if (next === undefined) {
      this.#inFlight--
      return
    }
    this.#next++
    if (this.#next > 1_024 || this.#next === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#next)
      this.#next = 0
    }
    // The slot stays taken: it passes on.
    next()
  }
}
