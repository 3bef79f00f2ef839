import { positionAtTime, SEND_REFUSALS_MAX, type EnvelopeView, type Position } from '@evegram/protocol'
import type { ConversationLease } from './conversations.js'
import type { PositionedBatch } from './in-flight.js'
import type { Session } from './session.js'

const NO_POSITION: Position = positionAtTime(0)

/** One send on its way from the frame to its acknowledgement. */
export class PendingSend {
  readonly session: Session
  readonly correlation: number
  /** How often this message was refused for missing devices before, 0 to 2. */
  readonly refusals: number
  readonly receivedMonotonicMs: number
  /** Replaced when surplus bodies are stripped. */
  envelope: EnvelopeView
  /** What the versions were checked against. */
  lease: ConversationLease | undefined = undefined
  position: Position = NO_POSITION
  /** Holds the cursors back until the copy was routed. */
  positioned: PositionedBatch | undefined = undefined
  /** The store has not answered yet. */
  appending = false
  /** The sender was refused because the store took too long; only routing is left to do. */
  abandoned = false
  /** A byte-identical copy stood already. */
  exists = false
  /** Positions used up by appends that took too long. */
  tries = 0

  constructor(session: Session, correlation: number, flags: number, envelope: EnvelopeView, receivedMonotonicMs: number) {
    this.session = session
    this.correlation = correlation
    this.refusals = Math.min(flags, SEND_REFUSALS_MAX)
    this.receivedMonotonicMs = receivedMonotonicMs
    this.envelope = envelope
  }
}
