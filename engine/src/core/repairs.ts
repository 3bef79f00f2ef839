import { LIMITS, type Clock } from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { ClockLease } from './clock-lease.js'
import type { InFlight } from './in-flight.js'
import type { EngineMetrics } from './metrics.js'
import type { PositionClock } from './position-clock.js'
import { Backlog, type BacklogGuide, type BacklogStores } from './resume.js'
import { LIVE_BYTES_MAX, UNACKED_RESUME, type Session, type SessionOwner } from './session.js'

/** Live sessions that read the log at once; the others wait: a lost node must not become a storm on the store. */
const REPAIRS_AT_ONCE = 16
/** Envelopes of one step of a repair. */
const STEP_ENVELOPES = 256

/** What repairs need. */
export interface RepairParts {
  readonly clock: Clock
  readonly positions: PositionClock
  readonly clockLease: Pick<ClockLease, 'acquire'>
  readonly inFlight: InFlight
  readonly stores: BacklogStores
  readonly guideOf: (session: Session, owner: SessionOwner) => BacklogGuide
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/**
 * Catch-ups that the node runs for live sessions: after a lost link or presence entry, after a window that was full, and when a
 * cursor got too old. What is read is pushed in `deliver` frames within the window of unacknowledged deliveries.
 */
export class Repairs {
  readonly #parts: RepairParts
  /** Sessions that wait, in order; bounded by the connections of the node. */
  readonly #waiting = new Set<Session>()
  #running = 0

  constructor(parts: RepairParts) {
    this.#parts = parts
  }

  /** Plans a repair if the live session has something to read and room for it. Safe to call at any time. */
  consider(session: Session): void {
    if (session.state !== 'live' || session.repairing || session.clean || session.unacked > UNACKED_RESUME) return
    this.#waiting.add(session)
    this.#next()
  }

  /** Everything since the session's cursor must be read again. */
  demand(session: Session): void {
    if (session.state !== 'live' && session.state !== 'catching_up') return
    session.mustRepair = true
    this.consider(session)
  }

  #next(): void {
    while (this.#running < REPAIRS_AT_ONCE) {
      const [session] = this.#waiting
      if (session === undefined) return
      this.#waiting.delete(session)
      if (session.state !== 'live' || session.repairing || session.owner === undefined) continue
      this.#running++
      session.repairing = true
      void this.#run(session, session.owner)
    }
  }

  async #run(session: Session, owner: SessionOwner): Promise<void> {
    try {
      await this.#read(session, owner)
    } catch (failure) {
      // The session stays unclean, so no cursor is issued; housekeeping considers it again.
      this.#parts.log.warn({ err: failure }, 'a repair could not read the log')
    } finally {
      session.repairing = false
      this.#running--
      this.#next()
    }
  }

  async #read(session: Session, owner: SessionOwner): Promise<void> {
    const { clock, clockLease } = this.#parts
    // A cursor may come of it, and that needs a clock that others agree with. Housekeeping considers the session again.
    if (session.backlog === undefined && !await clockLease.acquire()) return
    const backlog = session.backlog ?? this.#begin(session, owner)
    session.backlog = backlog
    while (session.backlog === backlog && session.state === 'live') {
      // What was pushed before must be in the socket, where its bytes show, before more is read.
      session.out.flush()
      const room = LIMITS.unackedDeliveriesMax - session.unacked
      if (room <= 0 || session.socket.bufferedBytes() > LIVE_BYTES_MAX) return
      const found = await backlog.next({ envelopes: Math.min(room, STEP_ENVELOPES), bytes: LIMITS.pageBytesMax })
      // A catch-up that the client began meanwhile reads all of it, and the state says so.
      if (session.backlog !== backlog) return
      for (const { position, envelope, body } of found) session.push(position, envelope, body)
      if (!backlog.done) continue
      session.backlog = undefined
      if (backlog.whole) session.synced(backlog.startedMs - LIMITS.overlapMs, clock.monotonicMs())
    }
  }

  #begin(session: Session, owner: SessionOwner): Backlog {
    const { positions, inFlight, stores, guideOf, metrics } = this.#parts
    const nowMs = positions.nowMs()
    metrics.repairs.add()
    const whole = session.mustRepair
    session.mustRepair = false
    return new Backlog(session, owner, stores, {
      sinceMs: whole ? Math.max(session.cursorMs, Math.floor(nowMs - LIMITS.retentionMs)) : undefined,
      startedMs: inFlight.publishedUntilMs(nowMs),
      guide: guideOf(session, owner),
    })
  }
}
