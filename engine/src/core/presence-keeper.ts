import { withDeadline, type Logger } from '@evegram/platform'
import type { Clock } from '@evegram/protocol'
import type { Presence, PresenceEntry } from '../ports/presence.js'
import { PRESENCE_TTL_MS } from './hello.js'
import type { EngineMetrics } from './metrics.js'
import type { PositionClock } from './position-clock.js'
import type { Repairs } from './repairs.js'
import { PRESENCE_TIMEOUT_MS, type Router } from './route.js'
import type { Session } from './session.js'
import type { Sessions } from './sessions.js'

/** Interval at which the entry of a session is refreshed; a cursor is never younger than the last refresh that found it. */
export const PRESENCE_REFRESH_MS = 10_000
/** Entries in one refresh. */
const REFRESH_BATCH = 1_000
/** Entries that are registered again at the same time. */
const REGISTERED_AT_ONCE = 64
/** All entries of the node are refreshed out of turn this often at most. */
const SUSPICION_INTERVAL_MS = 2_000

/** What keeping presence needs. */
export interface PresenceKeeperParts {
  readonly clock: Clock
  readonly positions: PositionClock
  readonly presence: Presence
  readonly sessions: Sessions
  readonly repairs: Repairs
  readonly router: Router
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/**
 * Keeps the presence entries of this node alive (rule 9): what got lost is registered again, and its session catches up. Presence that lost one entry, or that
 * did not answer for a while, may have lost all: then those whose turn has not come are asked for as well.
 */
export class PresenceKeeper {
  readonly #parts: PresenceKeeperParts
  #answers = true
  #suspectsLoss = false
  #suspicionTakenMonotonicMs = Number.NEGATIVE_INFINITY

  constructor(parts: PresenceKeeperParts) {
    this.#parts = parts
  }

  /** Refreshes the sessions whose turn it is. Never rejects: without an answer cursors wait, and the next round asks again. */
  async refresh(due: readonly Session[]): Promise<void> {
    const { clock } = this.#parts
    for (const session of due) session.presenceAskedMonotonicMs = clock.monotonicMs()
    for (let from = 0; from < due.length; from += REFRESH_BATCH) await this.#refreshBatch(due.slice(from, from + REFRESH_BATCH))
  }

  /** Whether all entries should be refreshed now, since others got lost. What is answered once is not answered again until there is new reason. */
  takeSuspicion(): boolean {
    const nowMs = this.#parts.clock.monotonicMs()
    if (!this.#suspectsLoss || nowMs - this.#suspicionTakenMonotonicMs < SUSPICION_INTERVAL_MS) return false
    this.#suspectsLoss = false
    this.#suspicionTakenMonotonicMs = nowMs
    return true
  }

  /** Asks presence for nothing, to learn whether it answers. Never rejects. */
  async probe(): Promise<void> {
    await this.#answered('probe presence', () => this.#parts.presence.lookup([]))
  }

  /** Removes the entry of a session that ended. Never rejects: the entry runs out by itself. */
  async remove(entry: PresenceEntry): Promise<void> {
    await this.#answered('remove presence', () => this.#parts.presence.remove(entry))
  }

  async #refreshBatch(batch: readonly Session[]): Promise<void> {
    const { presence, positions } = this.#parts
    const held = batch.flatMap((session) => (session.owner === undefined ? [] : [{ session, entry: session.owner.presence }]))
    const askedMs = positions.nowMs()
    const answers = await this.#answered('refresh presence', () => presence.refresh(held.map(({ entry }) => entry), PRESENCE_TTL_MS))
    if (answers === undefined) return
    const absent: { readonly session: Session; readonly entry: PresenceEntry }[] = []
    held.forEach((one, index) => {
      if (answers[index] !== 'found') absent.push(one)
      else if (one.session.presenceLost) this.#regained(one.session, askedMs)
      else one.session.presenceFoundMs = askedMs
    })
    for (let from = 0; from < absent.length; from += REGISTERED_AT_ONCE) {
      await Promise.all(absent.slice(from, from + REGISTERED_AT_ONCE).map(({ session, entry }) => this.#registerAgain(session, entry)))
    }
  }

  async #registerAgain(session: Session, entry: PresenceEntry): Promise<void> {
    const { presence, positions, sessions } = this.#parts
    if (session.state === 'closed') return
    // Until it is known to stand again: a registration without an answer may still take effect.
    session.presenceLost = true
    const askedMs = positions.nowMs()
    const answer = await this.#answered('register presence', () => presence.register(entry, PRESENCE_TTL_MS))
    if (answer === undefined) return
    if (answer.status === 'refused') {
      if (sessions.ofDevice(entry.device) === session) sessions.closeReplaced(session)
      return
    }
    // It was gone, not replaced by that of a newer connection.
    this.#suspectsLoss = true
    if (sessions.ofDevice(entry.device) !== session) return this.remove(entry)
    this.#regained(session, askedMs)
  }

  /** What was sent while the entry was gone did not come here: register first, then read. */
  #regained(session: Session, askedMs: number): void {
    session.presenceLost = false
    session.presenceFoundMs = askedMs
    this.#parts.repairs.demand(session)
  }

  async #answered<Answer>(operation: string, ask: () => Promise<Answer>): Promise<Answer | undefined> {
    const { clock, metrics, log, router } = this.#parts
    try {
      const answer = await withDeadline(clock, PRESENCE_TIMEOUT_MS, operation, ask)
      router.presenceAnswered()
      if (!this.#answers) this.#suspectsLoss = true
      this.#answers = true
      return answer
    } catch (cause) {
      this.#answers = false
      metrics.presenceFailures.add()
      log.warn({ err: cause, operation }, 'presence does not answer')
      return undefined
    }
  }
}
