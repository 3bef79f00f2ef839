/** Kinds of frames (RFC 6455 section 5.2). */
export const OPCODE = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const
/** See {@link OPCODE}. */
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE]

/** Largest message that is read. */
export const MESSAGE_BYTES_MAX = 16_777_216
/** Largest head of a client's frame: two bytes, eight of length, four of mask. */
export const HEAD_BYTES_MAX = 14

const FINAL = 0x80
const MASKED = 0x80
const OPCODE_BITS = 0x0f
const LENGTH_BITS = 0x7f
/** From here on opcodes are of control frames, which may stand between the parts of a message. */
const CONTROL_FROM = 0x8
/** What follows is the length in two bytes, or in eight. */
const LENGTH_16 = 126
const LENGTH_64 = 127
const EMPTY = Buffer.alloc(0)

/** Bytes of the head of a client's frame with a payload of so many bytes. */
export function headBytesOf(payloadBytes: number): number {
  return payloadBytes < LENGTH_16 ? 6 : payloadBytes <= 0xffff ? 8 : HEAD_BYTES_MAX
}

/** Writes the head of a client's whole message at `at`; returns the offset behind it. The mask is all zeroes: it protects proxies from scripts, and there are none of both here. */
export function writeHead(target: Uint8Array, at: number, opcode: Opcode, payloadBytes: number): number {
  let end = at + 2
  target[at] = FINAL | opcode
  if (payloadBytes < LENGTH_16) target[at + 1] = MASKED | payloadBytes
  else if (payloadBytes <= 0xffff) {
    target[at + 1] = MASKED | LENGTH_16
    target[end++] = payloadBytes >>> 8
    target[end++] = payloadBytes
  } else {
    target[at + 1] = MASKED | LENGTH_64
    target.fill(0, end, end + 4)
    for (let shift = 24; shift >= 0; shift -= 8) target[end + 4 + (24 - shift) / 8] = payloadBytes >>> shift
    end += 8
  }
  target.fill(0, end, end + 4)
  return end + 4
}

/** Who hears what was read. Bytes are valid during the call alone. */
export interface MessageEvents {
  message(payload: Buffer): void
  /** A ping, a pong or a close. */
  control(opcode: number, payload: Buffer): void
}

/** Reads the messages of a server out of a stream of bytes that may be split anywhere. Holds at most one message that is not whole. */
export class MessageReader {
  readonly #events: MessageEvents
  /** The beginning of a frame that is not whole: a copy. */
  #rest: Buffer = EMPTY
  /** Parts of a message that came in several frames. */
  #parts: Buffer[] = []
  #partsBytes = 0
  #isStopped = false

  constructor(events: MessageEvents) {
    this.#events = events
  }

  /** Takes the next bytes; they may be written over afterwards. Throws RangeError for a message that is too long. */
  push(bytes: Buffer): void {
    let data = bytes
    if (this.#rest.length > 0) {
      data = Buffer.concat([this.#rest, bytes])
      this.#rest = EMPTY
    }
    let at = 0
    while (!this.#isStopped) {
      const end = this.#frame(data, at)
      if (end === at) break
      at = end
    }
    if (at < data.length && !this.#isStopped) this.#rest = Buffer.from(data.subarray(at))
  }

  /** Nothing more is read, also of what was taken. */
  stop(): void {
    this.#isStopped = true
  }

  /** Hands on the frame at `at` and returns the offset behind it: `at` itself when it is not whole. */
  #frame(data: Buffer, at: number): number {
    const [first, second] = [data[at], data[at + 1]]
    if (first === undefined || second === undefined) return at
    const short = second & LENGTH_BITS
    const body = at + (short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2)
    if (data.length < body) return at
    const length = short === LENGTH_64 ? Number(data.readBigUInt64BE(at + 2)) : short === LENGTH_16 ? data.readUInt16BE(at + 2) : short
    if (this.#partsBytes + length > MESSAGE_BYTES_MAX) throw new RangeError(`a message of more than ${String(MESSAGE_BYTES_MAX)} bytes`)
    const end = body + length
    if (data.length < end) return at
    const opcode = first & OPCODE_BITS
    const payload = data.subarray(body, end)
    if (opcode >= CONTROL_FROM) this.#events.control(opcode, payload)
    else if ((first & FINAL) !== 0 && this.#parts.length === 0) this.#events.message(payload)
    else this.#part(payload, (first & FINAL) !== 0)
    return end
  }

  #part(payload: Buffer, isLast: boolean): void {
    this.#parts.push(Buffer.from(payload))
    this.#partsBytes += payload.length
    if (!isLast) return
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    this.#partsBytes = 0
    this.#events.message(whole)
  }
}
