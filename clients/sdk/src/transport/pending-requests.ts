import { EvegramError, LIMITS, type Clock, type Timer } from '@evegram/protocol'

interface Pending<Answer> {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: EvegramError) => void
  readonly timer: Timer
}

/** A request that was registered: its correlation goes into the frame, its answer comes by the promise. */
export interface RegisteredRequest<Answer> {
  readonly correlation: number
  readonly answer: Promise<Answer>
}

/** Gives the correlations of one connection: 1 to 2^32 - 1, then from 1 again, never one that is in use. */
export class Correlations {
  #last = 0

  /** The next one that `isUsed` denies. The bounds on requests in flight make this end soon. */
  next(isUsed: (correlation: number) => boolean): number {
    do this.#last = this.#last >= 0xffff_ffff ? 1 : this.#last + 1
    while (isUsed(this.#last))
    return this.#last
  }
}

/** Requests of one kind that wait for their answers; bounded in number and in time. */
export class PendingRequests<Answer> {
  readonly #waiting = new Map<number, Pending<Answer>>()
  readonly #clock: Clock
  readonly #requestsMax: number
  readonly #operation: string

  constructor(clock: Clock, requestsMax: number, operation: string) {
    this.#clock = clock
    this.#requestsMax = requestsMax
    this.#operation = operation
  }

  /** Requests that wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** Whether `correlation` waits here. */
  has(correlation: number): boolean {
    return this.#waiting.has(correlation)
  }

  /** Starts to wait for `LIMITS.requestTimeoutMs`. Throws `limited.queue` when too many wait already. */
  register(correlation: number): RegisteredRequest<Answer> {
    if (this.#waiting.size >= this.#requestsMax) {
      throw new EvegramError('limited.queue', { operation: this.#operation, details: { inFlightMax: this.#requestsMax } })
    }
    const answer = new Promise<Answer>((resolve, reject) => {
      const timer = this.#clock.after(LIMITS.requestTimeoutMs, () => {
        this.reject(correlation, new EvegramError('timeout', { operation: this.#operation }))
      })
      this.#waiting.set(correlation, { resolve, reject, timer })
    })
    return { correlation, answer }
  }

  /** Answers a request. False when nothing waits: it was given up before, or the server made the number up. */
  resolve(correlation: number, answer: Answer): boolean {
    const pending = this.#take(correlation)
    pending?.resolve(answer)
    return pending !== undefined
  }

  /** Fails a request. False when nothing waits. */
  reject(correlation: number, error: EvegramError): boolean {
    const pending = this.#take(correlation)
    pending?.reject(error)
    return pending !== undefined
  }

  /** Fails all that wait. */
  rejectAll(error: EvegramError): void {
    for (const correlation of [...this.#waiting.keys()]) this.reject(correlation, error)
  }

  #take(correlation: number): Pending<Answer> | undefined {
    const pending = this.#waiting.get(correlation)
    this.#waiting.delete(correlation)
    pending?.timer.cancel()
    return pending
  }
}
