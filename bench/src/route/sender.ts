import { ACK_BYTES, decodeAcks, decodeFailure, decodeOpened, encodeFrame, encodeOpen, FRAME_TYPE, type Frame } from '@evegram/protocol'
import type { Histogram } from 'hdr-histogram-js'
import { RawConnection } from '../raw/raw-connection.js'
import type { RawDevice, RawEnrolment } from '../raw/raw-device.js'
import { ArrivedNumbers } from './arrived-numbers.js'
import { OpaqueSend, SENT_AT_OFFSET } from './opaque-envelope.js'

/** Deliveries that are acknowledged together. */
const DEVICE_ACK_EVERY = 64
/** Body of a delivery: a position, then the envelope, whose number lies here. */
const NUMBER_OFFSET = 16 + 56

/** What happens around all senders. */
export interface SenderContext {
  readonly ws: string
  readonly enrolment: RawEnrolment
  readonly payloadBytes: number
  /** Where times from planned sending to delivery go, in microseconds; undefined while nothing is measured. */
  latencies(): Histogram | undefined
  /** Some of a sender's messages were acknowledged. */
  onAcked(sender: Sender): void
}

/** A device of a pair: sends to its partner and counts what arrives. */
export class Sender {
  readonly #context: SenderContext
  readonly #device: RawDevice
  readonly #partner: RawDevice
  readonly #send: OpaqueSend
  #connection: RawConnection | undefined
  readonly #arrived = new ArrivedNumbers()
  #unacknowledged = 0
  inFlight = 0
  sent = 0
  received = 0
  doubled = 0
  /** Arrived behind a later one of its sender. */
  late = 0
  failure: string | undefined
  /** Incarnation of the engine that took its last message on this connection: who it is connected to. */
  node: number | undefined

  constructor(context: SenderContext, device: RawDevice, partner: RawDevice) {
    this.#context = context
    this.#device = device
    this.#partner = partner
    this.#send = new OpaqueSend(device, partner, context.payloadBytes)
  }

  /** Connects, in place of the connection that it has, and opens the conversation with the partner. */
  async connect(): Promise<void> {
    this.close()
    const { ws, enrolment } = this.#context
    this.node = undefined
    this.inFlight = 0
    await new Promise<void>((resolve, reject) => {
      RawConnection.open(this.#device, {
        ws, origin: enrolment.server.origin,
        onFrame: (frame) => {
          if (frame.type === FRAME_TYPE.opened) {
            decodeOpened(frame.body)
            resolve()
          } else this.#onFrame(frame)
        },
      }).then((connection) => {
        this.#connection = connection
        connection.send(encodeFrame(FRAME_TYPE.open, 1, encodeOpen({ peer: this.#partner.account })))
      }, reject)
    })
  }

  /** Sends one message that was planned for this time of `performance.now`. */
  sendOne(plannedAtMs: number): void {
    this.inFlight++
    this.sent++
    this.#connection?.send(this.#send.next(plannedAtMs).frame)
  }

  /** Tells the server what arrived. */
  acknowledge(): void {
    if (this.#unacknowledged > 0) this.#connection?.acknowledge(this.#unacknowledged)
    this.#unacknowledged = 0
  }

  /** Counts from nothing. */
  resetCounts(): void {
    this.sent = 0
    this.received = 0
    this.doubled = 0
    this.late = 0
  }

  close(): void {
    this.#connection?.close()
    this.#connection = undefined
    this.#unacknowledged = 0
  }

  #onFrame(frame: Frame): void {
    if (frame.type === FRAME_TYPE.ack) {
      this.node ??= decodeAcks(frame.body)[0]?.position.incarnation
      this.inFlight -= frame.body.length / ACK_BYTES
      this.#context.onAcked(this)
    } else if (frame.type === FRAME_TYPE.deliver) {
      const view = new DataView(frame.body.buffer, frame.body.byteOffset, frame.body.byteLength)
      const number = Number(view.getBigUint64(NUMBER_OFFSET))
      const arrival = this.#arrived.take(number)
      if (arrival === 'again') this.doubled++
      else if (arrival === 'late') this.late++
      this.received++
      const plannedAtMs = view.getFloat64(frame.body.byteLength - this.#context.payloadBytes + SENT_AT_OFFSET)
      this.#context.latencies()?.recordValue(Math.max(1, Math.round((performance.now() - plannedAtMs) * 1_000)))
      if (++this.#unacknowledged >= DEVICE_ACK_EVERY) this.acknowledge()
    } else if (frame.type === FRAME_TYPE.failure) {
      const failure = decodeFailure(frame.body)
      this.failure = `${failure.code}: ${failure.message}`
    }
  }
}
