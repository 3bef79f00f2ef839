import { encodeEnvelope, encodeFrame, ENVELOPE_OFFSETS, FRAME_HEADER_BYTES, FRAME_TYPE, type Envelope } from '@evegram/protocol'

const TWO_TO_16 = 2 ** 16
const TWO_TO_32 = 2 ** 32
const NUMBER_OFFSET = FRAME_HEADER_BYTES + ENVELOPE_OFFSETS.number
const ORDER_OFFSET = FRAME_HEADER_BYTES + ENVELOPE_OFFSETS.order

/** A `send` frame with one body, whose number, order and payload are filled in for each message; nothing else is encoded again. */
export class EnvelopeTemplate {
  readonly #frame: Uint8Array
  readonly #view: DataView
  readonly #payloadOffset: number
  #number = 0

  /** `envelope` has one body, whose length all payloads have. */
  constructor(envelope: Omit<Envelope, 'number' | 'order'>) {
    const [body] = envelope.bodies
    if (body === undefined || envelope.bodies.length !== 1) throw new RangeError('a template has one body')
    this.#frame = encodeFrame(FRAME_TYPE.send, 1, encodeEnvelope({ ...envelope, number: 1, order: 1n << 16n }))
    this.#view = new DataView(this.#frame.buffer)
    this.#payloadOffset = this.#frame.length - body.bytes.length
  }

  /** The frame of the next message, a copy; `fill` writes what differs into the payload. Without `correlation` it is the message's number. */
  next(fill: (payload: Uint8Array) => void, correlation = this.#number + 1): { readonly correlation: number; readonly frame: Uint8Array } {
    this.#count(correlation)
    fill(this.#frame.subarray(this.#payloadOffset))
    return { correlation, frame: this.#frame.slice() }
  }

  /** The same without a copy, for who hands the bytes on at once: they are valid until the next message is made. */
  nextInPlace(payload: Uint8Array, correlation: number): Uint8Array {
    this.#count(correlation)
    this.#frame.set(payload, this.#payloadOffset)
    return this.#frame
  }

  #count(correlation: number): void {
    this.#number++
    const [view, nowMs] = [this.#view, Date.now()]
    view.setUint32(8, correlation)
    view.setUint32(NUMBER_OFFSET, Math.floor(this.#number / TWO_TO_32))
    view.setUint32(NUMBER_OFFSET + 4, this.#number >>> 0)
    // The upper 48 bits are milliseconds, the others 0.
    view.setUint32(ORDER_OFFSET, Math.floor(nowMs / TWO_TO_16))
    view.setUint16(ORDER_OFFSET + 4, nowMs % TWO_TO_16)
  }
}
