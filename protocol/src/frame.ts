import { EvegramError, isEvegramError } from './errors.js'
import { LIMITS } from './limits.js'

/** Version of the frame format, the first byte of every frame. */
export const PROTOCOL_VERSION = 1

/** Bytes of a frame header: version (u8), type (u8), flags (u8), zero (u8), body length (u32), correlation (u32), big-endian. */
export const FRAME_HEADER_BYTES = 12

/** Types of frames; requests of a client are below 64, frames of a server from 64. Wire values are fixed for ever. */
export const FRAME_TYPE = {
  hello: 1,
  send: 2,
  open: 3,
  read: 4,
  catchUp: 5,
  deviceAck: 6,
  ping: 7,
  changeGroup: 8,
  readGroup: 9,
  post: 10,
  follow: 11,
  unfollow: 12,
  readChannel: 13,
  signal: 14,
  listen: 15,
  challenge: 64,
  welcome: 65,
  ack: 66,
  deliver: 67,
  opened: 68,
  page: 69,
  synced: 70,
  pong: 71,
  failure: 72,
  notice: 73,
  group: 74,
  channelPage: 75,
  channelHead: 76,
  posted: 77,
  signalled: 78,
} as const
/** Wire value of a frame type. */
export type FrameType = (typeof FRAME_TYPE)[keyof typeof FRAME_TYPE]

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(FRAME_TYPE))

/** One frame. `body` may be a view into the bytes it was read from: copy it to keep it. */
export interface Frame {
  readonly type: FrameType
  /** Meaning depends on the type; zero where none is given. */
  readonly flags: number
  /** Ties an answer to its request: an unsigned 32-bit number chosen by the client, 0 where no answer is expected. */
  readonly correlation: number
  readonly body: Uint8Array
}

/** Bytes of one frame. Throws `too_large.frame`. */
export function encodeFrame(type: FrameType, correlation: number, body: Uint8Array, flags = 0): Uint8Array<ArrayBuffer> {
  const length = FRAME_HEADER_BYTES + body.length
  if (length > LIMITS.frameBytesMax) throw new EvegramError('too_large.frame', { operation: 'encode frame' })
  const bytes = new Uint8Array(length)
  writeFrameHeader(bytes, 0, type, correlation, body.length, flags)
  bytes.set(body, FRAME_HEADER_BYTES)
  return bytes
}

/** Writes the 12 header bytes at `offset` of `target`. */
export function writeFrameHeader(target: Uint8Array, offset: number, type: FrameType, correlation: number, bodyBytes: number, flags = 0): void {
  const view = new DataView(target.buffer, target.byteOffset + offset, FRAME_HEADER_BYTES)
  view.setUint8(0, PROTOCOL_VERSION)
  view.setUint8(1, type)
  view.setUint8(2, flags)
  view.setUint8(3, 0)
  view.setUint32(4, bodyBytes)
  view.setUint32(8, correlation)
}

/** Checks the header at `offset`, which must be whole, and returns the length of the body. */
function checkHeader(bytes: Uint8Array, offset: number, frameBytesMax: number): number {
  if (bytes[offset] !== PROTOCOL_VERSION) {
    throw new EvegramError('incompatible.protocol', { operation: 'decode frame', details: { supported: PROTOCOL_VERSION } })
  }
  if (!KNOWN_TYPES.has(bytes[offset + 1] ?? 0)) throw new EvegramError('invalid.frame_type', { operation: 'decode frame' })
  if (bytes[offset + 3] !== 0) throw new EvegramError('invalid.frame', { operation: 'decode frame' })
  const bodyBytes = uint32At(bytes, offset + 4)
  if (FRAME_HEADER_BYTES + bodyBytes > frameBytesMax) throw new EvegramError('too_large.frame', { operation: 'decode frame' })
  return bodyBytes
}

/** The frame whose header at `offset` passed {@link checkHeader}. */
function frameAt(bytes: Uint8Array, offset: number, body: Uint8Array): Frame {
  // Membership in KNOWN_TYPES was checked before, which the compiler cannot see.
  return { type: bytes[offset + 1] as FrameType, flags: bytes[offset + 2] ?? 0, correlation: uint32At(bytes, offset + 8), body }
}

function uint32At(bytes: Uint8Array, offset: number): number {
  return (((bytes[offset] ?? 0) << 24) | ((bytes[offset + 1] ?? 0) << 16) | ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0)) >>> 0
}

/**
 * The frames of one WebSocket message, which holds one or more whole frames. Bodies are views into `bytes`.
 * Throws `invalid.frame` for an empty message or an incomplete last frame, `incompatible.protocol`, `invalid.frame_type`,
 * `too_large.frame`; nothing is allocated for a length that was only declared.
 */
export function decodeFrames(bytes: Uint8Array, frameBytesMax: number = LIMITS.frameBytesMax): Frame[] {
  const frames: Frame[] = []
  let offset = 0
  do {
    if (offset + FRAME_HEADER_BYTES > bytes.length) throw new EvegramError('invalid.frame', { operation: 'decode frame' })
    const end = offset + FRAME_HEADER_BYTES + checkHeader(bytes, offset, frameBytesMax)
    if (end > bytes.length) throw new EvegramError('invalid.frame', { operation: 'decode frame' })
    frames.push(frameAt(bytes, offset, bytes.subarray(offset + FRAME_HEADER_BYTES, end)))
    offset = end
  } while (offset < bytes.length)
  return frames
}

/**
 * Reads frames from a byte stream that may be split anywhere (transports without message boundaries). Holds at most one
 * frame; a header that declares more than the limit is refused before its body is awaited.
 */
export class FrameReader {
  /** Header, then body of the frame that is being read; grows to the frame's length and no further. */
  #held: Uint8Array<ArrayBuffer> = new Uint8Array(FRAME_HEADER_BYTES)
  #heldBytes = 0
  #refused: EvegramError | undefined
  readonly #frameBytesMax: number

  constructor(frameBytesMax: number = LIMITS.frameBytesMax) {
    this.#frameBytesMax = frameBytesMax
  }

  /** Takes the next bytes and returns the frames that they complete, bodies copied. Throws as {@link decodeFrames}, and from then on always the same. */
  push(chunk: Uint8Array): Frame[] {
    if (this.#refused !== undefined) throw this.#refused
    const frames: Frame[] = []
    try {
      let rest = this.#take(chunk, FRAME_HEADER_BYTES)
      while (this.#heldBytes >= FRAME_HEADER_BYTES) {
        const bodyBytes = checkHeader(this.#held, 0, this.#frameBytesMax)
        rest = this.#take(rest, FRAME_HEADER_BYTES + bodyBytes)
        if (this.#heldBytes < FRAME_HEADER_BYTES + bodyBytes) break
        frames.push(frameAt(this.#held, 0, this.#held.slice(FRAME_HEADER_BYTES, this.#heldBytes)))
        this.#held = new Uint8Array(FRAME_HEADER_BYTES)
        this.#heldBytes = 0
        rest = this.#take(rest, FRAME_HEADER_BYTES)
      }
    } catch (cause) {
      if (isEvegramError(cause)) this.#refused = cause
      throw cause
    }
    return frames
  }

  /** Bytes of an incomplete frame that are held. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Moves bytes of `chunk` until `wanted` are held; returns what is left of it. Memory grows with what came, not with what was declared. */
  #take(chunk: Uint8Array, wanted: number): Uint8Array {
    const part = chunk.subarray(0, Math.max(0, wanted - this.#heldBytes))
    const end = this.#heldBytes + part.length
    if (end > this.#held.length) {
      const grown = new Uint8Array(Math.min(wanted, Math.max(end, this.#held.length * 2)))
      grown.set(this.#held)
      this.#held = grown
    }
    this.#held.set(part, this.#heldBytes)
    this.#heldBytes = end
    return chunk.subarray(part.length)
  }
}
