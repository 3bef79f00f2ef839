import type { Logger } from '@evegram/platform'
import { encodeFailure, encodeFrame, EvegramError, FRAME_TYPE, LIMITS, type Clock, type Timer } from '@evegram/protocol'
import type { ClockLease } from './clock-lease.js'
import type { Links } from './links.js'
import type { EngineMetrics } from './metrics.js'
import type { PositionClock } from './position-clock.js'
import { PRESENCE_REFRESH_MS, type PresenceKeeper } from './presence-keeper.js'
import type { Repairs } from './repairs.js'
import type { Session } from './session.js'
import type { Sessions } from './sessions.js'
import type { WideInterest } from './wide-interest.js'

/** Interval at which every session is looked at. */
const HOUSEKEEPING_MS = 1_000
/** A client that was silent for longer is gone: it pings every `heartbeatMs`. */
const IDLE_MS = 2 * LIMITS.heartbeatMs + 10_000
/** Deliveries that are in the way of others and are not acknowledged for this long belong to a slow consumer. */
const WINDOW_STUCK_MS = 30_000
/** A cursor is issued when it gained this much: a frame that gains little would put off the one that gains more. */
const CURSOR_GAIN_MS_MIN = LIMITS.syncedIntervalMs / 2
/** A live session whose cursor falls further behind than this catches up (rule 4). */
const CURSOR_AGE_MS_MAX = 300_000

/** What housekeeping needs. */
export interface HousekeepingParts {
  readonly clock: Clock
  readonly positions: PositionClock
  readonly clockLease: Pick<ClockLease, 'held'>
  readonly sessions: Sessions
  readonly links: Links
  readonly repairs: Repairs
  readonly presence: PresenceKeeper
  readonly wide: Pick<WideInterest, 'foundMs' | 'refresh'>
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/** One timer for all sessions of the node: time limits, presence refreshes, cursors. Idle connections cost no timer of their own. */
export class Housekeeping {
  readonly #parts: HousekeepingParts
  #timer: Timer | undefined
  #refreshing = false

  constructor(parts: HousekeepingParts) {
    this.#parts = parts
  }

  /** Starts the rounds. */
  start(): void {
    this.#timer = this.#parts.clock.every(HOUSEKEEPING_MS, () => { this.round() })
  }

  /** Ends the rounds. */
  stop(): void {
    this.#timer?.cancel()
  }

  /** Looks at every session once. */
  round(): void {
    const { clock, sessions, links, positions, presence, metrics } = this.#parts
    const nowMs = clock.monotonicMs()
    // Not the wall clock: whoever sets that must not end every session.
    const timeMs = positions.nowMs(nowMs)
    const confirmedMs = links.confirmedUntilMs()
    const due: Session[] = []
    const all = !this.#refreshing && presence.takeSuspicion()
    let live = 0
    for (const session of sessions.all()) {
      if (this.#expired(session, nowMs, timeMs)) continue
      if (session.state === 'live') {
        live++
        this.#followUp(session, confirmedMs, nowMs)
      }
      if (session.owner !== undefined && (all || nowMs - session.presenceAskedMonotonicMs >= PRESENCE_REFRESH_MS)) due.push(session)
    }
    metrics.liveSessions.set(live)
    metrics.cursorLagMs.set(positions.nowMs() - confirmedMs + LIMITS.overlapMs)
    this.#refresh(due, all)
  }

  /** Closes a session whose time is over; true when it did. */
  #expired(session: Session, nowMs: number, timeMs: number): boolean {
    if (session.owner === undefined) {
      if (nowMs - session.openedMonotonicMs < LIMITS.helloTimeoutMs) return false
      const code = 'auth.hello_timeout'
      session.out.frame(encodeFrame(FRAME_TYPE.failure, 0, encodeFailure({ code, message: new EvegramError(code).advice })))
      session.close('helloTimeout')
    } else if (timeMs >= session.owner.tokenExpiresAtMs) session.close('tokenExpired')
    else if (nowMs - session.heardMonotonicMs > IDLE_MS) session.close('idle')
    else if (stuck(session, nowMs)) session.close('slowConsumer')
    else return false
    return true
  }

  /** The cursor of a live session (rule 4), or a repair where it has something to read. */
  #followUp(session: Session, confirmedMs: number, nowMs: number): void {
    const { repairs, positions, clockLease, wide } = this.#parts
    const cursorMs = Math.floor(Math.min(session.presenceFoundMs, confirmedMs, wide.foundMs(session))) - LIMITS.overlapMs
    if (!session.clean) return repairs.consider(session)
    if (nowMs - session.syncedMonotonicMs < LIMITS.syncedIntervalMs || !clockLease.held()) return
    if (cursorMs - session.cursorMs >= CURSOR_GAIN_MS_MIN) session.synced(cursorMs, nowMs)
    else if (positions.nowMs() - session.cursorMs > CURSOR_AGE_MS_MAX) repairs.demand(session)
  }

  #refresh(due: readonly Session[], all: boolean): void {
    if (this.#refreshing) return
    this.#refreshing = true
    const { presence, wide, log } = this.#parts
    const asking = due.length === 0 ? presence.probe() : presence.refresh(due)
    Promise.all([asking, wide.refresh(all)])
      .catch((failure: unknown) => { log.error({ err: failure }, 'presence could not be refreshed') })
      .finally(() => { this.#refreshing = false })
  }
}

/** Whether the client has had something to acknowledge, or to read before it can get more, for too long without doing so. */
function stuck(session: Session, nowMs: number): boolean {
  const waits = session.unacked >= LIMITS.unackedDeliveriesMax || (session.unacked > 0 && session.state === 'live' && !session.clean)
  if (!waits) session.stuckSinceMonotonicMs = undefined
  else session.stuckSinceMonotonicMs ??= nowMs
  return session.stuckSinceMonotonicMs !== undefined && nowMs - session.stuckSinceMonotonicMs > WINDOW_STUCK_MS
}
