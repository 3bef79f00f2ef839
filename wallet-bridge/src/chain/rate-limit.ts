import { sleep, type Clock } from '@evegram/protocol'

/** For how long one question waits, in all, for an endpoint that has too many. */
export const RATE_WAIT_MAX_MS = 15_000
/** The first of these waits; each further one is twice as long, or what the endpoint asks for. */
const RATE_WAIT_MS = 1_000
const TOO_MANY_REQUESTS = 429

/** The questions to one endpoint that counts them: when it refuses one for their number (HTTP 429), all wait. */
export class RateLimit {
  readonly #clock: Clock
  /** Nothing is asked before: by `Clock.monotonicMs`. */
  #pausedUntilMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Asks, again and again while the endpoint has too many questions, {@link RATE_WAIT_MAX_MS} at most. Rejects then, and with what `ask` rejects with. */
  async asked(ask: () => Promise<Response>): Promise<Response> {
    const endMs = this.#clock.monotonicMs() + RATE_WAIT_MAX_MS
    for (let delayMs = RATE_WAIT_MS; ; delayMs *= 2) {
      const pauseMs = this.#pausedUntilMs - this.#clock.monotonicMs()
      if (pauseMs > 0) await sleep(this.#clock, pauseMs)
      const response = await ask()
      if (response.status !== TOO_MANY_REQUESTS) return response
      const untilMs = this.#clock.monotonicMs() + Math.max(delayMs, retryAfterMs(response))
      if (untilMs > endMs) throw new Error('too many requests')
      // All questions wait: those beside this one would be refused too, and count.
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs)
    }
  }
}

/** What an endpoint asks to be waited for, in whole seconds; 0 when it says nothing. */
function retryAfterMs({ headers }: Response): number {
  const text = headers.get('retry-after') ?? ''
  return /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : 0
}
