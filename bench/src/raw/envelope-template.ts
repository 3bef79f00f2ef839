import { encodeEnvelope, encodeFrame, ENVELOPE_OFFSETS, FRAME_HEADER_BYTES, FRAME_TYPE, type Envelope } from '@evegram/protocol'

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

  /** The frame of the next message; a copy, because the socket keeps it until it is written. `fill` writes what differs into the payload. Without `correlation` it is the message's number. */
  next(fill: (payload: Uint8Array) => void, correlation = this.#number + 1): { readonly correlation: number; readonly frame: Uint8Array } {
    this.#number++
    this.#view.setUint32(8, correlation)
    this.#view.setBigUint64(FRAME_HEADER_BYTES + ENVELOPE_OFFSETS.number, BigInt(this.#number))
    this.#view.setBigUint64(FRAME_HEADER_BYTES + ENVELOPE_OFFSETS.order, BigInt(Date.now()) << 16n)
    fill(this.#frame.subarray(this.#payloadOffset))
    return { correlation, frame: this.#frame.slice() }
  }
}
