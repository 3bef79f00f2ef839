import {
  decodeCatchUp, encodeFrame, encodePage, ENVELOPE_OFFSETS, equalBytes, EvegramError, FRAME_TYPE, isEvegramError, LIMITS, type Clock, type Frame, type Random,
} from '@evegram/protocol'
import type { ClockLease } from './clock-lease.js'
import { writeSlice } from './delivery.js'
import type { Gate } from './gate.js'
import type { InFlight } from './in-flight.js'
import type { EngineMetrics } from './metrics.js'
import type { PositionClock } from './position-clock.js'
import { Backlog, type BacklogDelivery, type BacklogStores } from './resume.js'
import type { Session, SessionOwner } from './session.js'
import type { WideInterest } from './wide-interest.js'

/** Bytes of the token that a page carries: it is good for the next page of this connection, once. */
const TOKEN_BYTES = 16

/** What catching up needs. */
export interface CatchUpParts {
  readonly clock: Clock
  readonly random: Random
  readonly positions: PositionClock
  readonly clockLease: Pick<ClockLease, 'acquire'>
  readonly inFlight: InFlight
  readonly stores: BacklogStores
  readonly wide: Pick<WideInterest, 'guideOf'>
  readonly gate: Gate
  readonly metrics: EngineMetrics
}

interface Pull {
  readonly backlog: Backlog
  readonly discontinuityMs: number | undefined
  /** The token that asks for the next page. */
  token: Uint8Array | undefined
  paging: boolean
}

/** Answers `catch_up`: pages pulled by the client, then `synced`, then the session is live (rules 4, 5 and 11). */
export class CatchUps {
  readonly #parts: CatchUpParts
  readonly #pulls = new WeakMap<Session, Pull>()

  constructor(parts: CatchUpParts) {
    this.#parts = parts
  }

  /**
   * Whether the frame asks for the page that this session is to pull next. Such a request needs no rate limit: it is one at a time, its
   * cost is bounded, and the client cannot go on without it.
   */
  isNextPage(session: Session, frame: Frame): boolean {
    const pull = this.#pulls.get(session)
    // The token is the last field of the request, so its bytes end the body.
    return pull?.token !== undefined && !pull.paging && equalBytes(frame.body.subarray(-TOKEN_BYTES), pull.token)
  }

  /** Handles one `catch_up` frame; answers under its correlation. Never rejects. Throws `invalid.cbor`, `invalid.request` at once. */
  handle(session: Session, owner: SessionOwner, frame: Frame): Promise<void> {
    const request = decodeCatchUp(frame.body)
    if (!('token' in request)) return this.#first(session, owner, request.sinceMs, frame.correlation)
    const pull = this.#continued(session, request.token)
    if (pull === undefined) {
      session.fail(frame.correlation, { code: 'invalid.position', message: 'Begin the catch-up again: the token is not the last one of this connection.' })
      return Promise.resolve()
    }
    if (pull.paging) {
      session.fail(frame.correlation, { code: 'conflict.in_flight', message: 'Ask for one page at a time.' })
      return Promise.resolve()
    }
    pull.paging = true
    return this.#page(session, pull, frame.correlation)
  }

  /** The cursor at the end of it comes from this clock: one that nobody agrees with must not make any (rule 4). */
  async #first(session: Session, owner: SessionOwner, sinceMs: number, correlation: number): Promise<void> {
    if (!await this.#parts.clockLease.acquire()) {
      session.fail(correlation, { code: 'unavailable.clock', message: new EvegramError('unavailable.clock').advice })
      return
    }
    if (session.state === 'closed') return
    const pull = this.#begin(session, owner, sinceMs)
    pull.paging = true
    return this.#page(session, pull, correlation)
  }

  #begin(session: Session, owner: SessionOwner, sinceMs: number): Pull {
    const { positions, inFlight, metrics, stores, wide } = this.#parts
    const nowMs = positions.nowMs()
    const keptSinceMs = Math.floor(nowMs - LIMITS.retentionMs)
    metrics.catchUps.add()
    session.move('catch_up_begun')
    session.dirty = undefined
    session.mustRepair = false
    const backlog = new Backlog(session, owner, stores, {
      // Every cursor is at least the overlap behind; a younger time (a device that was just added) is taken with the overlap.
      sinceMs: Math.max(keptSinceMs, Math.min(sinceMs, Math.floor(nowMs) - LIMITS.overlapMs)),
      startedMs: inFlight.publishedUntilMs(nowMs),
      guide: wide.guideOf(session, owner),
    })
    const pull = { backlog, discontinuityMs: sinceMs < keptSinceMs ? keptSinceMs : undefined, token: undefined, paging: false }
    session.backlog = backlog
    this.#pulls.set(session, pull)
    return pull
  }

  #continued(session: Session, token: Uint8Array): Pull | undefined {
    const pull = this.#pulls.get(session)
    return pull?.token !== undefined && equalBytes(pull.token, token) ? pull : undefined
  }

  async #page(session: Session, pull: Pull, correlation: number): Promise<void> {
    const { gate, random, clock } = this.#parts
    try {
      const found = await gate.run(() => pull.backlog.next({ envelopes: LIMITS.pageEnvelopesMax, bytes: LIMITS.pageBytesMax }))
      // A newer catch-up of this session, or its end, made this one pointless.
      if (session.backlog !== pull.backlog) return
      const done = pull.backlog.done
      const first = pull.token === undefined
      pull.token = done ? undefined : random.bytes(TOKEN_BYTES)
      session.out.frame(encodeFrame(FRAME_TYPE.page, correlation, encodePage({
        deliveries: found.map(pageDelivery), more: !done,
        ...(pull.token === undefined ? {} : { token: pull.token }),
        ...(first && pull.discontinuityMs !== undefined ? { discontinuityMs: pull.discontinuityMs } : {}),
      })))
      if (!done) return
      session.backlog = undefined
      this.#pulls.delete(session)
      session.move('caught_up')
      session.synced(pull.backlog.startedMs - LIMITS.overlapMs, clock.monotonicMs())
    } catch (failure) {
      const code = isEvegramError(failure) ? failure.code : 'internal'
      session.fail(correlation, { code, message: new EvegramError(code).advice })
    } finally {
      pull.paging = false
    }
  }
}

/** A delivery as a page carries it. */
export function pageDelivery({ position, envelope, body }: BacklogDelivery): { readonly position: BacklogDelivery['position']; readonly envelope: Uint8Array } {
  const slice = new Uint8Array(ENVELOPE_OFFSETS.end + body.end - body.start)
  writeSlice(slice, 0, envelope, body)
  return { position, envelope: slice }
}
