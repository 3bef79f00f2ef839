import { isEvegramError, sleep, type Clock } from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { AccountDirectory } from '../ports/account-directory.js'
import type { EngineMetrics } from './metrics.js'
import type { Session, SessionOwner } from './session.js'
import type { Sessions } from './sessions.js'

/** Sessions that are checked at once, and the pause after them: 1,000 per second at most, so that a doubt does not become a storm on auth. */
const STEP_SESSIONS = 50
const STEP_MS = 50
/** Pause after a step in which auth did not answer. */
const RETRY_MS = 1_000

/** What rechecks need. */
export interface RecheckParts {
  readonly clock: Clock
  readonly directory: Pick<AccountDirectory, 'summary' | 'verifyToken'>
  readonly sessions: Sessions
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/**
 * Asks again whether every session may go on, after word of a revocation may have been lost. A session whose device, account or token does not stand any
 * more is closed as it would have been then. Version checks need nothing of this: what they go by is never older than its lease.
 */
export class Rechecks {
  readonly #parts: RecheckParts
  /** Sessions to check, in order; bounded by the connections of the node. */
  readonly #waiting = new Set<Session>()
  #running = false
  #stopped = false

  constructor(parts: RecheckParts) {
    this.#parts = parts
  }

  /** Checks every session that there is now. Safe to call at any time: who waits already is not checked twice. */
  demand(): void {
    this.#parts.metrics.rechecks.add()
    for (const session of this.#parts.sessions.all()) this.#waiting.add(session)
    if (!this.#running && !this.#stopped) void this.#run()
  }

  /** Checks nothing more. */
  stop(): void {
    this.#stopped = true
    this.#waiting.clear()
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting.size > 0) {
      const answered = await Promise.all(this.#step().map((session) => this.#check(session)))
      await sleep(this.#parts.clock, answered.includes(false) ? RETRY_MS : STEP_MS)
    }
    this.#running = false
  }

  #step(): Session[] {
    const step: Session[] = []
    for (const session of this.#waiting) {
      if (step.length === STEP_SESSIONS) break
      step.push(session)
      this.#waiting.delete(session)
    }
    return step
  }

  /** Whether the session was checked; one that could not be is put back. */
  async #check(session: Session): Promise<boolean> {
    const { owner } = session
    if (owner === undefined) {
      // Its hello may have been checked against what was true before; who says hello later is checked then.
      if (session.greeting !== undefined) this.#putBack(session)
      return true
    }
    try {
      const reason = await this.#refusal(owner)
      if (reason !== undefined && session.state !== 'closed') this.#parts.sessions.closeRevoked(session, reason)
      return true
    } catch (failure) {
      this.#parts.log.warn({ err: failure }, 'a session could not be checked again yet')
      this.#putBack(session)
      return false
    }
  }

  async #refusal({ account, device, token }: SessionOwner): Promise<'accountClosed' | 'revoked' | 'tokenExpired' | undefined> {
    const { directory } = this.#parts
    const summary = await directory.summary(account)
    if (summary === undefined || summary.closed) return 'accountClosed'
    if (!summary.devices.some((active) => active.device === device)) return 'revoked'
    try {
      await directory.verifyToken(token)
      return undefined
    } catch (failure) {
      if (isEvegramError(failure) && failure.code.startsWith('auth.token_')) return 'tokenExpired'
      throw failure
    }
  }

  #putBack(session: Session): void {
    if (!this.#stopped && session.state !== 'closed') this.#waiting.add(session)
  }
}
