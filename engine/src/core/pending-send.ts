import { positionAtTime, SEND_REFUSALS_MAX, type Failure, type Notice, type Position } from '@evegram/protocol'
import type { ConversationLease } from './conversations.js'
import type { EnvelopeShape } from './envelope-shapes.js'
import type { PositionedBatch } from './in-flight.js'

const NO_POSITION: Position = positionAtTime(0)

/** Whose send it is: a session, or the server itself. What comes of one origin is appended one after the other, in order. */
export interface SendOrigin {
  /** Sends that are neither acknowledged nor refused. */
  sendsInFlight: number
  /** Appends that are under way, and the sends that wait for them. */
  appending: number
  waitingSends: PendingSend[] | undefined
  readonly out: { ack(correlation: number, position: Position): void }
  fail(correlation: number, failure: Failure): void
  notify(notice: Notice): void
}

/** One send on its way from the frame to its acknowledgement. */
export class PendingSend {
  readonly origin: SendOrigin
  readonly correlation: number
  /** How often this message was refused for missing devices before, 0 to 2. */
  readonly refusals: number
  readonly receivedMonotonicMs: number
  /** What the envelope says, and its bytes. Both are replaced when surplus bodies are stripped. */
  envelope: EnvelopeShape
  bytes: Uint8Array
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

  constructor(origin: SendOrigin, correlation: number, flags: number, envelope: EnvelopeShape, bytes: Uint8Array, receivedMonotonicMs: number) {
    this.origin = origin
    this.correlation = correlation
    this.refusals = Math.min(flags, SEND_REFUSALS_MAX)
    this.receivedMonotonicMs = receivedMonotonicMs
    this.envelope = envelope
    this.bytes = bytes
  }
}
