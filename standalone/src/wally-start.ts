import type { HealthAnswer, Logger } from '@evegram/platform'
import { EvegramError, isEvegramError } from '@evegram/protocol'

/** When somebody who is told that the ledger is starting should ask again. */
const RETRY_MS = 1_000
const FAILED_ADVICE = 'The ledger did not start: the log of the server says why. Chat goes on without it; start the server again once that is mended.'

/** How the start of the wallet bridge ended. `stopped`: the server was stopped before. */
export type WallyOutcome = { readonly status: 'running' | 'stopped' } | { readonly status: 'failed'; readonly failure: unknown }

/** What {@link WallyStart} starts and ends. */
export interface WallyStartParts {
  /** Opens the ledger and starts the work on it. */
  start(): Promise<void>
  /** Ends the work. Safe when it never started. */
  stop(): Promise<void>
  /** Closes the ledger, which ends a start that is under way: it rejects then. Safe to call twice. */
  closeLedger(): Promise<void>
  readonly log: Logger
}

/**
 * The start of the wallet bridge beside a server that listens already: chat waits for no ledger. Until it runs, what needs the ledger is refused. A ledger that does not
 * start ends nothing but itself: the log tells, readiness tells, {@link outcome} tells whoever runs the server, and nothing is tried again before the next start.
 */
export class WallyStart {
  /** Resolves when it is known how the start ended; never rejects. */
  readonly outcome: Promise<WallyOutcome>
  readonly #parts: WallyStartParts
  #state: 'starting' | WallyOutcome['status'] = 'starting'
  #under: Promise<void> | undefined
  #settle: (outcome: WallyOutcome) => void = () => undefined

  constructor(parts: WallyStartParts) {
    this.#parts = parts
    this.outcome = new Promise((resolve) => { this.#settle = resolve })
  }

  /** Begins, and waits for nothing. */
  begin(): void {
    this.#under = this.#run()
  }

  /** Resolved = nothing of it runs any more and the ledger is closed, however far the start had come. */
  async stop(): Promise<void> {
    const isUnderWay = this.#state === 'starting'
    this.#end({ status: 'stopped' })
    if (isUnderWay) await this.#parts.closeLedger()
    await this.#under
    await this.#parts.stop()
  }

  /** Throws `unavailable.ledger_starting` while it starts, `unavailable.store` when it did not start. */
  require(): void {
    if (this.#state === 'running') return
    if (this.#state === 'starting') throw new EvegramError('unavailable.ledger_starting', { operation: 'use the ledger', retryAfterMs: RETRY_MS })
    throw new EvegramError('unavailable.store', { operation: 'use the ledger', ...(this.#state === 'failed' ? { advice: FAILED_ADVICE } : {}) })
  }

  /** What is missing, for operators; undefined once it runs. */
  get missing(): (HealthAnswer & { readonly ok: false }) | undefined {
    if (this.#state === 'running') return undefined
    return { ok: false, reason: this.#state === 'starting' ? 'the ledger is starting' : 'the ledger did not start: see the log' }
  }

  async #run(): Promise<void> {
    try {
      await this.#parts.start()
      this.#end({ status: 'running' })
    } catch (failure) {
      // A stop that came meanwhile closed the ledger under it.
      if (this.#state !== 'starting') return
      this.#parts.log.error({ err: failure, ...(isEvegramError(failure) ? { advice: failure.advice } : {}) }, 'the wallet bridge did not start; chat goes on without it')
      await this.#parts.closeLedger()
      this.#end({ status: 'failed', failure })
    }
  }

  #end(outcome: WallyOutcome): void {
    if (this.#state !== 'starting' && outcome.status !== 'stopped') return
    this.#state = outcome.status
    this.#settle(outcome)
  }
}
