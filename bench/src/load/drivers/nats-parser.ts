/** What a NATS server says. */
export interface NatsEvents {
  readonly onInfo: () => void
  readonly onPing: () => void
  readonly onPong: () => void
  readonly onError: (text: string) => void
  /** The bytes are valid during the call alone. */
  readonly onMessage: (payload: Uint8Array) => void
}

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
/** A control line ends within this. */
const LINE_BYTES_MAX = 8_192
const CRLF_BYTES = 2

/** Reads the server's side of the NATS protocol from bytes in pieces of any size. */
export class NatsParser {
  readonly #events: NatsEvents
  #left: Buffer = Buffer.alloc(0)

  constructor(events: NatsEvents) {
    this.#events = events
  }

  /** Takes the next bytes. Throws for what is no NATS. */
  take(data: Buffer): void {
    const bytes = this.#left.length === 0 ? data : Buffer.concat([this.#left, data])
    let offset = 0
    for (;;) {
      const next = this.#takeOne(bytes, offset)
      if (next === undefined) break
      offset = next
    }
    // A copy: what was given belongs to the socket.
    this.#left = offset === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(offset))
  }

  /** Where the next thing begins; undefined when this one is not all there. */
  #takeOne(bytes: Buffer, offset: number): number | undefined {
    const end = bytes.indexOf(LF, offset)
    if (end < 0) {
      if (bytes.length - offset > LINE_BYTES_MAX) throw new Error('a NATS line without an end')
      return undefined
    }
    const lineEnd = bytes[end - 1] === CR ? end - 1 : end
    switch (bytes.toString('latin1', offset, offset + 4)) {
      case 'MSG ': {
        const size = Number(bytes.toString('latin1', bytes.lastIndexOf(SPACE, lineEnd) + 1, lineEnd))
        if (!Number.isInteger(size) || size < 0) throw new Error('a NATS message without a size')
        const [from, to] = [end + 1, end + 1 + size]
        if (bytes.length < to + CRLF_BYTES) return undefined
        this.#events.onMessage(bytes.subarray(from, to))
        return to + CRLF_BYTES
      }
      case 'PING': this.#events.onPing(); break
      case 'PONG': this.#events.onPong(); break
      case 'INFO': this.#events.onInfo(); break
      case '-ERR': this.#events.onError(bytes.toString('latin1', offset + 5, lineEnd)); break
      case '+OK\r': break
      default: throw new Error(`not NATS: ${bytes.toString('latin1', offset, Math.min(lineEnd, offset + 40))}`)
    }
    return end + 1
  }
}
