import type { Clock, Timer } from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import { AUTH_LIMITS } from './config.js'
import type { NonceStore } from './ports/nonce-store.js'
import type { SessionStore } from './ports/session-store.js'

/** Forgets, in bounded steps, nonces and sessions that ran out long ago. */
export class Sweeper {
  readonly #parts: { readonly nonces: NonceStore; readonly sessions: SessionStore; readonly clock: Clock; readonly log: Logger }
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #from: string | undefined

  constructor(parts: { readonly nonces: NonceStore; readonly sessions: SessionStore; readonly clock: Clock; readonly log: Logger }) {
    this.#parts = parts
  }

  /** Sweeps from now on every `AUTH_LIMITS.sweepIntervalMs`. */
  start(): void {
    this.#timer ??= this.#parts.clock.every(AUTH_LIMITS.sweepIntervalMs, () => { void this.sweep() })
  }

  /** Resolved = no sweep runs any more. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#running
  }

  /** Sweeps once; joins the sweep that runs. Never rejects: the next one tries again. */
  sweep(): Promise<void> {
    this.#running ??= this.#step().catch((failure: unknown) => {
      this.#parts.log.warn({ err: failure }, 'a sweep failed')
    }).finally(() => { this.#running = undefined })
    return this.#running
  }

  async #step(): Promise<void> {
    const { nonces, sessions, clock } = this.#parts
    const nowMs = clock.now()
    for (let step = 0; step < AUTH_LIMITS.sweepStepsMax; step++) {
      const removed = await nonces.sweep(nowMs - AUTH_LIMITS.usedNonceMarginMs, AUTH_LIMITS.sweepRowsMax)
      if (removed < AUTH_LIMITS.sweepRowsMax) break
    }
    const { next } = await sessions.sweep(nowMs - AUTH_LIMITS.endedSessionMs, AUTH_LIMITS.sweepRowsMax, this.#from)
    this.#from = next
  }
}
