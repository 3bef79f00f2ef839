import {
  ENVELOPE_KIND, EvegramError, isEvegramError, LIMITS, ENVELOPE_OFFSETS, noticesConversationIdOf, orderTimeMs,
  type Clock, type EnvelopeView, type ErrorCode, type Failure, type Frame,
} from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { AppendResult, BatchedAppend, BatchedResult, EnvelopeLog } from '../ports/envelope-log.js'
import type { Turn } from '../ports/turn.js'
import type { ClockLease } from './clock-lease.js'
import { leaseHolds, type ConversationLease, type Conversations } from './conversations.js'
import { EnvelopeShapes, shapeOf, type EnvelopeShape } from './envelope-shapes.js'
import { Gathering } from './gathering.js'
import type { InFlight } from './in-flight.js'
import type { EngineMetrics } from './metrics.js'
import type { OutboundFlush } from './outbound-queue.js'
import { PendingSend, type SendOrigin } from './pending-send.js'
import type { PositionClock } from './position-clock.js'
import type { Router } from './route.js'
import type { Session, SessionOwner } from './session.js'
import { checkVersions, withoutSurplus } from './version-check.js'

/** Positions that one send may use before it is refused with `append.too_late`. */
const APPEND_TRIES_MAX = 3
/** An append that has no answer after this long is given up: its sender is refused, its position goes on holding the cursors back. */
const APPEND_GIVE_UP_MS = 3 * LIMITS.appendDeadlineMs
/** Answers about memberships and devices that may come too late for one ack before it is refused. */
const LEASE_TRIES_MAX = 3
/** Advice to a client whose sends are not acknowledged fast enough. */
const QUEUE_RETRY_MS = 100

/** What the send path needs. */
export interface SendParts {
  readonly clock: Clock
  readonly turn: Turn
  readonly positions: PositionClock
  readonly clockLease: ClockLease
  readonly conversations: Conversations
  readonly log: EnvelopeLog
  readonly inFlight: InFlight
  readonly router: Router
  readonly flush: OutboundFlush
  readonly metrics: EngineMetrics
  readonly logger: Logger
}

/**
 * The path of a message, top to bottom: authorise, limit, check order, check versions, position, append and mark, route, flush, ack.
 * Everything that came in one turn of the event loop goes through together.
 * Architecture invariants: an ack follows the durable append and the broker flush (P1, rule 7); every copy that the log may show was
 * routed before its position stops holding the cursors back (rule 4).
 */
export class SendPath {
  readonly #parts: SendParts
  readonly #gathering = new Gathering()
  readonly #shapes = new EnvelopeShapes()
  #admitted: PendingSend[] = []
  #stored: PendingSend[] = []

  constructor(parts: SendParts) {
    this.#parts = parts
  }

  /** Takes one `send` frame of an authenticated session. Throws `invalid.envelope` or `too_large.envelope` for bytes that are not an envelope. */
  accept(session: Session, owner: SessionOwner, frame: Frame): void {
    const { metrics, positions } = this.#parts
    // The session heard this frame just now: reading the clock again would show on the packet path.
    const nowMs = session.heardMonotonicMs
    metrics.sends.add()
    // The rate counts first: a flood into a store that is slow is refused by the queue, and must end in a close all the same.
    const waitMs = owner.limits.takeMessage(frame.body.length, nowMs)
    if (waitMs > 0) return this.#limit(session, owner, frame.correlation, waitMs, nowMs)
    if (session.sendsInFlight >= LIMITS.sendsInFlightMax) return refuse(session, frame.correlation, 'limited.queue', QUEUE_RETRY_MS)
    const bytes = Buffer.allocUnsafe(frame.body.length)
    bytes.set(frame.body)
    const envelope = this.#shapes.read(bytes)
    if (envelope.kind === ENVELOPE_KIND.notice) return refuse(session, frame.correlation, 'denied.notices')
    if (envelope.device !== owner.device || envelope.account !== owner.account) return refuse(session, frame.correlation, 'denied.sender')
    // The upper 48 bits of the order key are milliseconds.
    if (bytes.readUIntBE(ENVELOPE_OFFSETS.order, 6) > positions.nowMs(nowMs) + LIMITS.orderAheadMsMax) return refuse(session, frame.correlation, 'order.ahead')
    session.sendsInFlight++
    metrics.sendsInFlight.add()
    this.#admit(new PendingSend(session, frame.correlation, frame.flags, envelope, bytes, nowMs), nowMs)
  }

  /** Takes a notice that this server writes; the caller has verified it. `origin` is told what became of it under correlation 0. */
  acceptNotice(origin: SendOrigin, envelope: EnvelopeView): void {
    const { clock, metrics, positions } = this.#parts
    const nowMs = clock.monotonicMs()
    if (orderTimeMs(envelope.order) > positions.nowMs(nowMs) + LIMITS.orderAheadMsMax) return refuse(origin, 0, 'order.ahead')
    origin.sendsInFlight++
    metrics.sendsInFlight.add()
    this.#admit(new PendingSend(origin, 0, 0, shapeOf(envelope), envelope.bytes, nowMs), nowMs)
  }

  #limit(session: Session, owner: SessionOwner, correlation: number, waitMs: number, nowMs: number): void {
    this.#parts.metrics.limited.add()
    if (!owner.limits.patience.affords(1, nowMs)) return session.close('rateLimited')
    owner.limits.patience.take(1)
    refuse(session, correlation, 'limited.rate', waitMs)
  }

  /** Membership and versions, against a lease that is held now; without one, after it was asked for. */
  #admit(send: PendingSend, nowMs: number): void {
    const lease = this.#parts.conversations.held(send.envelope.conversation, nowMs)
    if (lease === undefined) void this.#admitLater(send, false)
    else this.#admitUnder(send, lease, false)
  }

  async #admitLater(send: PendingSend, fresh: boolean): Promise<void> {
    try {
      const lease = await this.#lease(send.envelope, fresh)
      if (lease === undefined) this.#refuse(send, isOwnNotices(send.envelope) ? 'denied.notices' : 'not_found.conversation')
      else this.#admitUnder(send, lease, fresh)
    } catch (failure) {
      this.#failed(send, failure)
    }
  }

  /** Only the server's own envelopes go into notices, which nobody opens. */
  #lease({ kind, account, conversation }: EnvelopeShape, fresh = false): Promise<ConversationLease | undefined> {
    const { conversations } = this.#parts
    return kind === ENVELOPE_KIND.notice ? conversations.notices(account, fresh) : conversations.lease(conversation, fresh)
  }

  #admitUnder(send: PendingSend, lease: ConversationLease, fresh: boolean): void {
    // Another message of the same shape was found to fit this lease: nothing that is checked below differs.
    if (send.envelope.fits === lease) {
      send.lease = lease
      return this.#enqueue(send)
    }
    // What the server tells is for whoever reads it: it was encrypted for nobody, so no version of anything can be old.
    if (send.envelope.kind === ENVELOPE_KIND.notice) {
      send.lease = lease
      return this.#enqueue(send)
    }
    if (lease.kind === 'notices') return this.#refuse(send, 'denied.notices')
    // A channel has posts, which anybody may read: nothing else is stored under its id.
    if (lease.kind === 'channel') return this.#refuse(send, 'not_found.conversation')
    if (!lease.members.includes(send.envelope.account)) return this.#refuse(send, 'denied.not_member')
    if (!lease.devices.has(send.envelope.device)) return this.#admitUnknown(send, fresh)
    const verdict = checkVersions(send.envelope, lease, send.refusals)
    switch (verdict.status) {
      case 'ahead':
        if (!fresh) {
          void this.#admitLater(send, true)
          return
        }
        return this.#refuseStale(send, { code: 'stale.devices', message: '', accounts: lease.versions })
      case 'stale_membership': return this.#refuseStale(send, { code: 'stale.membership', message: '', accounts: lease.versions })
      case 'missing':
        return this.#refuseStale(send, { code: 'stale.devices', message: '', accounts: lease.versions, missing: verdict.devices })
      case 'surplus': {
        const { view, stripped } = withoutSurplus(send.bytes, lease)
        send.envelope = shapeOf(view)
        send.bytes = view.bytes
        this.#parts.metrics.surplusStripped.add(stripped)
        break
      }
      case 'fits':
        // Of one that was refused before less is asked.
        if (!verdict.older && send.refusals === 0) send.envelope.fits = lease
        break
      default: return verdict satisfies never
    }
    if (verdict.older) tellNewer(send, lease)
    send.lease = lease
    this.#enqueue(send)
  }

  /** The sending device is not in the lease: it was just added, or just revoked. */
  #admitUnknown(send: PendingSend, fresh: boolean): void {
    if (fresh) this.#refuse(send, 'account.device_unknown')
    else void this.#admitLater(send, true)
  }

  /** Where the log does not keep the order itself, one append of a device is under way at a time; what waits goes together. */
  #enqueue(send: PendingSend): void {
    const { origin } = send
    // While others wait it queues up behind them, also in the moment between the end of their append and their release.
    if (this.#parts.log.keepsOrder === true) {
      if (this.#admitted.push(send) === 1) this.#planAppend()
    } else if (origin.appending > 0 || origin.waitingSends !== undefined) (origin.waitingSends ??= []).push(send)
    else if (this.#admitted.push(send) === 1) this.#planAppend()
  }

  /** At the end of this turn; while much comes, when enough has been gathered. */
  #planAppend(): void {
    const { clock, turn } = this.#parts
    const go = (): void => { this.#guard(this.#append()) }
    const waitMs = this.#gathering.waitMs(clock.monotonicMs())
    if (waitMs === 0) turn.defer(go)
    else clock.after(waitMs, go)
  }

  /** Positions and appends what was admitted. */
  async #append(): Promise<void> {
    const batch = this.#admitted
    this.#admitted = []
    const { clock, clockLease, inFlight, positions } = this.#parts
    this.#gathering.went(batch.length, clock.monotonicMs())
    if (!clockLease.held() && !await clockLease.acquire()) {
      for (const send of batch) this.#refuse(send, 'unavailable.clock')
      return
    }
    const nowMs = clock.monotonicMs()
    const sends = batch.filter((send) => this.#stillAdmitted(send, nowMs))
    for (const send of sends) send.position = positions.next(nowMs)
    const [first] = sends
    if (first === undefined) return
    const positioned = inFlight.begin(first.position.timeMs, sends.length)
    for (const send of sends) {
      send.positioned = positioned
      send.appending = true
      send.origin.appending++
    }
    this.#store(sends)
    positioned.overdue = clock.after(APPEND_GIVE_UP_MS, () => { this.#giveUp(sends) })
  }

  #store(sends: readonly PendingSend[]): void {
    this.#parts.log.appendAll(sends.map(appendOf), (index, result) => {
      const send = sends[index]
      if (send !== undefined) this.#appendEnded(send, result)
    })
  }

  /** The store has not said what became of these appends. A copy that turns up later is still routed before the cursors pass it. */
  #giveUp(sends: readonly PendingSend[]): void {
    for (const send of sends) {
      if (!send.appending) continue
      this.#ended(send)
      send.abandoned = true
      this.#refuse(send, 'append.too_late')
      this.#release(send.origin)
    }
  }

  #ended(send: PendingSend): void {
    if (send.appending) send.origin.appending--
    send.appending = false
  }

  /** The versions were checked before the position: when that lease ended meanwhile, they are checked again first. */
  #stillAdmitted(send: PendingSend, nowMs: number): boolean {
    if (send.lease !== undefined && leaseHolds(send.lease, nowMs)) return true
    this.#admit(send, nowMs)
    return false
  }

  #appendEnded(send: PendingSend, result: BatchedResult): void {
    if (result.status === 'failed') this.#appendFailed(send, result.failure)
    else this.#appended(send, result)
  }

  #appended(send: PendingSend, result: AppendResult): void {
    this.#parts.metrics.appended.add()
    this.#ended(send)
    // A copy that stood already was counted when it was stored (its commit is atomically visible): its position is the one that counts.
    send.exists = result.status === 'exists'
    send.position = result.position
    if (this.#stored.push(send) > 1) return
    const go = (): void => { this.#guard(this.#finish()) }
    // A log that keeps the order tells of a whole record in one go: waiting for the end of the turn would bring nothing more.
    if (this.#parts.log.keepsOrder === true) queueMicrotask(go)
    else this.#parts.turn.defer(go)
  }

  #appendFailed(send: PendingSend, failure: unknown): void {
    this.#parts.metrics.appendFailures.add()
    this.#ended(send)
    this.#settle(send)
    if (send.abandoned) return
    this.#failed(send, failure)
    this.#release(send.origin)
  }

  /** Routes what was stored, waits for the broker, and acknowledges what counts. */
  async #finish(): Promise<void> {
    const sends = this.#stored
    this.#stored = []
    const { clockLease, positions, router } = this.#parts
    let lateMs = positions.nowMs() - LIMITS.appendDeadlineMs
    let counted = clockLease.held()
    for (const { origin } of sends) this.#release(origin)
    try {
      const published = await router.route(sends).finally(() => { for (const send of sends) this.#settle(send) })
      if (published !== undefined) await published.flushed
    } catch (failure) {
      for (const send of sends) if (!send.abandoned) this.#failed(send, failure)
      return
    }
    if (!counted) {
      counted = await clockLease.acquire()
      // The clock may have been moved forward by what it had missed: only now is it known how long the appends took.
      lateMs = positions.nowMs() - LIMITS.appendDeadlineMs
    }
    for (const send of sends) {
      if (send.abandoned) continue
      if (!counted) this.#refuse(send, 'unavailable.clock')
      else if (!send.exists && send.position.timeMs < lateMs) this.#again(send)
      else this.#acknowledge(send)
    }
    if (this.#parts.log.keepsOrder === true) this.#parts.flush.now()
  }

  /** The append took longer than the deadline: its position may be below a cursor, so the envelope is stored at a new one. */
  #again(send: PendingSend): void {
    send.tries++
    if (send.tries >= APPEND_TRIES_MAX) return this.#refuse(send, 'append.too_late')
    this.#parts.metrics.appendRetries.add()
    this.#enqueue(send)
  }

  /** The versions are checked again before the ack (rule 10). */
  #acknowledge(send: PendingSend): void {
    const { clock } = this.#parts
    const nowMs = clock.monotonicMs()
    if (send.lease !== undefined && leaseHolds(send.lease, nowMs)) this.#ack(send, nowMs)
    else void this.#acknowledgeLater(send)
  }

  async #acknowledgeLater(send: PendingSend): Promise<void> {
    const { clock } = this.#parts
    try {
      let lease = await this.#lease(send.envelope)
      // An answer that took longer than the lease lasts says what was true then, not what is true now.
      for (let asked = 1; lease !== undefined && !leaseHolds(lease, clock.monotonicMs()); asked++) {
        if (asked >= LEASE_TRIES_MAX) return this.#refuse(send, 'unavailable.auth')
        lease = await this.#lease(send.envelope, true)
      }
      if (send.envelope.kind === ENVELOPE_KIND.notice) return this.#acknowledgeNotice(send, lease)
      if (lease?.members.includes(send.envelope.account) !== true) return this.#refuse(send, 'denied.not_member')
      if (!lease.devices.has(send.envelope.device)) return this.#refuse(send, 'account.device_unknown')
      const verdict = checkVersions(send.envelope, lease, send.refusals)
      if (verdict.status === 'stale_membership') {
        return this.#refuseStale(send, { code: 'stale.membership', message: '', accounts: lease.versions })
      }
      if (verdict.status === 'missing') {
        return this.#refuseStale(send, { code: 'stale.devices', message: '', accounts: lease.versions, missing: verdict.devices })
      }
      this.#ack(send, clock.monotonicMs())
    } catch (failure) {
      this.#failed(send, failure)
    }
  }

  /** A device that was added meanwhile may have begun to read before the notice was stored, and was not among those that it was routed to. */
  #acknowledgeNotice(send: PendingSend, lease: ConversationLease | undefined): void {
    if ([...lease?.devices ?? []].every((device) => send.lease?.devices.has(device) === true)) this.#ack(send, this.#parts.clock.monotonicMs())
    else this.#again(send)
  }

  #ack(send: PendingSend, nowMs: number): void {
    const { metrics } = this.#parts
    metrics.acks.add()
    metrics.ackMs.observe(nowMs - send.receivedMonotonicMs)
    this.#done(send)
    send.origin.out.ack(send.correlation, send.position)
  }

  #refuseStale(send: PendingSend, failure: Failure): void {
    this.#parts.metrics.staleRefusals.add()
    this.#done(send)
    send.origin.fail(send.correlation, { ...failure, message: new EvegramError(failure.code).advice })
  }

  #refuse(send: PendingSend, code: ErrorCode): void {
    this.#done(send)
    refuse(send.origin, send.correlation, code)
  }

  #failed(send: PendingSend, failure: unknown): void {
    if (!isEvegramError(failure)) this.#parts.logger.error({ err: failure }, 'a send failed')
    this.#refuse(send, isEvegramError(failure) ? failure.code : 'internal')
  }

  /** The sender gets its one answer. */
  #done(send: PendingSend): void {
    send.origin.sendsInFlight--
    this.#parts.metrics.sendsInFlight.add(-1)
  }

  #settle(send: PendingSend): void {
    if (send.positioned === undefined) return
    this.#parts.inFlight.settle(send.positioned)
    send.positioned = undefined
  }

  /** What waited for the device's append goes now, together. */
  #release(origin: SendOrigin): void {
    const waiting = origin.waitingSends
    if (origin.appending > 0 || waiting === undefined) return
    origin.waitingSends = undefined
    for (const send of waiting) this.#enqueue(send)
  }

  /** A stage that throws is a fault of the program: its senders hear nothing and send again. */
  #guard(stage: Promise<void>): void {
    stage.catch((failure: unknown) => { this.#parts.logger.error({ err: failure }, 'a stage of the send path failed') })
  }
}

function refuse(origin: SendOrigin, correlation: number, code: ErrorCode, retryAfterMs?: number): void {
  const message = new EvegramError(code).advice
  origin.fail(correlation, retryAfterMs === undefined ? { code, message } : { code, message, retryAfterMs })
}

/** Whether a client tries to write into what the server tells its own account. */
function isOwnNotices({ kind, account, conversation }: EnvelopeShape): boolean {
  return kind !== ENVELOPE_KIND.notice && noticesConversationIdOf(account) === conversation
}

function appendOf({ envelope, bytes, position, lease }: PendingSend): BatchedAppend {
  return { conversation: envelope.conversation, envelope: bytes, position, wide: lease?.wide === true, inboxes: inboxesOf(lease) }
}

/** Who is marked: each member, or a wide conversation itself. */
function inboxesOf(lease: ConversationLease | undefined): readonly string[] {
  if (lease === undefined) return []
  return lease.wide ? [lease.conversation] : lease.members
}

/** The envelope is complete but names older account versions: the sender should look at those logs. */
function tellNewer(send: PendingSend, lease: ConversationLease): void {
  for (const { account, seq } of lease.versions) {
    const named = send.envelope.accounts.find((version) => version.account === account)?.seq ?? 0
    if (named < seq) send.origin.notify({ kind: 'account_changed', account, seq })
  }
}
