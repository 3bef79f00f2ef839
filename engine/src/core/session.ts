import {
  comparePositions, encodeFailure, encodeFrame, encodeNotice, encodeSynced, EvegramError, FRAME_TYPE, LIMITS,
  type AccountId, type CloseReason, type ConversationId, type DeviceId, type Failure, type Notice, type Position,
} from '@evegram/protocol'
import type { PresenceEntry } from '../ports/presence.js'
import type { Socket } from '../ports/socket-server.js'
import { deviceBytes, type BodyRange } from './delivery.js'
import type { EngineMetrics } from './metrics.js'
import type { PendingSend } from './pending-send.js'
import { OutboundQueue, type OutboundFlush } from './outbound-queue.js'
import type { DeviceLimits } from './rate-limit.js'
import type { Backlog } from './resume.js'
import { nextState, type SessionEvent, type SessionState } from './session-states.js'

/** Conversations that one session remembers as dirty; beyond it everything since its cursor is read again. */
export const DIRTY_CONVERSATIONS_MAX = 1_024
/** Bytes for one socket in one turn of which live packets may be part; what comes beyond is read from the log when there is room. */
export const LIVE_BYTES_MAX = LIMITS.outboundBytesMax / 4
/** Bytes that wait for one socket, in it or in this turn, above which signals for it are shed. */
export const SIGNAL_BEHIND_BYTES_MAX = 65_536
/** Unacknowledged deliveries above which signals for a device are shed. */
export const SIGNAL_UNACKED_MAX = 256
/** Unacknowledged deliveries below which a session that turned to the log goes on. */
export const UNACKED_RESUME = LIMITS.unackedDeliveriesMax / 2

/** What a hello proved and registered. */
export interface SessionOwnerFields {
  /** The entry that was registered; it names account and device. */
  readonly presence: PresenceEntry
  /** The access token of the hello, to ask again whether it still stands; never logged. */
  readonly token: string
  /** The access token ends here, in ms since 1970. */
  readonly tokenExpiresAtMs: number
  readonly limits: DeviceLimits
}

/** Who a session belongs to, once hello was accepted. Holds nothing twice: there is one for every connection, and most of them are idle. */
export class SessionOwner implements SessionOwnerFields {
  readonly presence: PresenceEntry
  readonly token: string
  readonly tokenExpiresAtMs: number
  readonly limits: DeviceLimits

  constructor({ presence, token, tokenExpiresAtMs, limits }: SessionOwnerFields) {
    this.presence = presence
    this.token = token
    this.tokenExpiresAtMs = tokenExpiresAtMs
    this.limits = limits
  }

  get account(): AccountId {
    return this.presence.account
  }

  get device(): DeviceId {
    return this.presence.device
  }

  /** The 16 bytes of the device id, made anew each time: whoever reads many envelopes asks once. */
  get deviceBytes(): Uint8Array {
    return deviceBytes(this.presence.device)
  }
}

/** One connection of a device: its state, what goes out, and what it must still read from the log. */
export class Session {
  readonly socket: Socket
  readonly out: OutboundQueue
  /** The nonce that hello signs; empty once that was accepted. */
  challenge: Uint8Array
  readonly openedMonotonicMs: number
  state: SessionState = 'connected'
  /** Who a hello that is being checked claims to be. */
  greeting: { readonly account: AccountId; readonly device: DeviceId } | undefined
  owner: SessionOwner | undefined
  /** Last message of the client, on the monotonic clock. */
  heardMonotonicMs: number
  /** Sends that are neither acknowledged nor refused. */
  sendsInFlight = 0
  /** Appends of this device that are under way, and the sends that wait for them. */
  appending = 0
  waitingSends: PendingSend[] | undefined
  /** The client asked for signals of others. */
  listens = false
  /** Posts that are neither stored nor refused. */
  postsInFlight = 0
  /** `deliver` frames queued on this connection, and how many of them the device committed. */
  delivered = 0
  committed = 0
  /** Since when unacknowledged deliveries are in the way without one being acknowledged, on the monotonic clock. */
  stuckSinceMonotonicMs: number | undefined
  /** The last presence refresh that found the entry: position time from before it was asked for. */
  presenceFoundMs = 0
  /** A refresh did not find the entry, and whether it stands again is not known yet: what was sent meanwhile did not come here. */
  presenceLost = false
  presenceAskedMonotonicMs = 0
  /** The last cursor that was issued, and when (monotonic). */
  cursorMs = 0
  syncedMonotonicMs = 0
  /** The pulled or pushed reading that is under way. */
  backlog: Backlog | undefined
  /** Live packets may have been missed: everything since the cursor must be read. */
  mustRepair = false
  /** A repair is planned or running. */
  repairing = false
  /** Conversations to read, each from the lowest position that was seen. */
  dirty: Map<ConversationId, Position> | undefined
  readonly #metrics: EngineMetrics

  constructor(parts: { readonly socket: Socket; readonly flush: OutboundFlush; readonly challenge: Uint8Array; readonly nowMs: number; readonly metrics: EngineMetrics }) {
    this.socket = parts.socket
    this.out = new OutboundQueue(parts.socket, parts.flush)
    this.challenge = parts.challenge
    this.openedMonotonicMs = parts.nowMs
    this.heardMonotonicMs = parts.nowMs
    this.#metrics = parts.metrics
  }

  /** Moves the state machine on. Throws `internal` for a step that the table does not have. */
  move(event: SessionEvent): void {
    const next = nextState(this.state, event)
    if (next === undefined) throw new EvegramError('internal', { operation: `session ${event} while ${this.state}` })
    this.state = next
  }

  /** Deliveries that the device has not acknowledged. */
  get unacked(): number {
    return (this.delivered - this.committed) >>> 0
  }

  /** Whether everything that came for this session was queued, so that a cursor may be issued behind it. */
  get clean(): boolean {
    return this.backlog === undefined && !this.mustRepair && !this.repairing && (this.dirty === undefined || this.dirty.size === 0)
  }

  /**
   * A live packet for this device: pushed when the session is live and its window open, else its conversation is marked to be read.
   * Before the first catch-up nothing is needed: that begins later and reads it.
   */
  deliver(conversation: ConversationId, position: Position, envelope: Uint8Array, body: BodyRange): void {
    if (this.#takesLive(conversation)) {
      this.out.delivery(position, envelope, body)
      this.#countDelivery()
    } else this.markDirty(conversation, position)
  }

  /** The same for a `deliver` frame that another node wrote. */
  deliverFrame(conversation: ConversationId, position: Position, frame: Uint8Array): void {
    if (this.#takesLive(conversation)) {
      this.out.frame(frame)
      this.#countDelivery()
    } else this.markDirty(conversation, position)
  }

  /** A delivery that was read from the log for this session. */
  push(position: Position, envelope: Uint8Array, body: BodyRange): void {
    this.out.delivery(position, envelope, body)
    this.#countDelivery()
  }

  /** The conversation must be read from `position` on before the session is clean again. */
  markDirty(conversation: ConversationId, position: Position): void {
    if (this.state !== 'catching_up' && this.state !== 'live') return
    this.#metrics.dirtyMarks.add()
    const dirty = this.dirty ??= new Map<ConversationId, Position>()
    const lowest = dirty.get(conversation)
    if (lowest === undefined || comparePositions(position, lowest) < 0) dirty.set(conversation, position)
    if (dirty.size > DIRTY_CONVERSATIONS_MAX) {
      dirty.clear()
      this.mustRepair = true
    }
  }

  /**
   * A `signalled` frame. `shed`: the socket or the device is behind, and messages go first; `unwanted`: nobody listens there, or not yet. It takes part in
   * no count of deliveries, and never makes a socket slow.
   */
  signal(frame: Uint8Array): 'queued' | 'shed' | 'unwanted' {
    if (!this.listens || this.state !== 'live') return 'unwanted'
    const behind = this.out.queuedBytes + this.socket.bufferedBytes()
    if (behind > SIGNAL_BEHIND_BYTES_MAX || this.unacked > SIGNAL_UNACKED_MAX || this.backlog !== undefined) return 'shed'
    this.out.frame(frame)
    return 'queued'
  }

  /** Answers a request with a failure. */
  fail(correlation: number, failure: Failure): void {
    this.#metrics.refusals.add()
    this.out.frame(encodeFrame(FRAME_TYPE.failure, correlation, encodeFailure(failure)))
  }

  /** Tells the client something at once. */
  notify(notice: Notice): void {
    this.out.frame(encodeFrame(FRAME_TYPE.notice, 0, encodeNotice(notice)))
  }

  /** Issues the cursor, behind everything that it covers. */
  synced(cursorMs: number, nowMs: number): void {
    this.cursorMs = Math.max(0, Math.floor(cursorMs))
    this.syncedMonotonicMs = nowMs
    this.out.frame(encodeFrame(FRAME_TYPE.synced, 0, encodeSynced(this.cursorMs)))
  }

  /** Writes what is queued and closes the socket. */
  close(reason: CloseReason): void {
    this.out.flush()
    this.out.end()
    this.socket.close(reason)
  }

  #takesLive(conversation: ConversationId): boolean {
    return this.state === 'live' && this.unacked < LIMITS.unackedDeliveriesMax && this.out.queuedBytes < LIVE_BYTES_MAX
      && this.backlog === undefined && this.dirty?.has(conversation) !== true
  }

  #countDelivery(): void {
    this.delivered = (this.delivered + 1) >>> 0
    this.#metrics.deliveries.add()
  }
}
