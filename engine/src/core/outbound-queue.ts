import { ACK_BYTES, FRAME_HEADER_BYTES, FRAME_TYPE, LIMITS, writeFrameHeader, type Position } from '@evegram/protocol'
import type { Socket } from '../ports/socket-server.js'
import type { Turn } from '../ports/turn.js'
import { deliveryBytes, putPosition, putUint32, writeDelivery, type BodyRange } from './delivery.js'

interface QueuedDelivery {
  readonly position: Position
  readonly envelope: Uint8Array
  readonly body: BodyRange
}

/** A correlation and the position of what was sent under it. */
interface QueuedAck {
  readonly correlation: number
  readonly position: Position
}

/** Room for one message, shared by all sockets, as each takes its bytes at once. Larger messages are rare and get memory of their own. */
const ROOM_BYTES = 65_536

/** Collects the queues that got something in this turn and writes each once at its end. */
export class OutboundFlush {
  readonly #turn: Turn
  readonly #room = new Uint8Array(ROOM_BYTES)
  #waiting: OutboundQueue[] = []

  constructor(turn: Turn) {
    this.#turn = turn
  }

  /** The queue has something to write. Called once per queue and turn. */
  add(queue: OutboundQueue): void {
    if (this.#waiting.push(queue) === 1) this.#turn.defer(() => { this.#run() })
  }

  /** Memory for a message of `bytes` or more, which is handed to a socket before the next one is asked for. Its bytes are anything. */
  room(bytes: number): Uint8Array {
    return bytes <= ROOM_BYTES ? this.#room : Buffer.allocUnsafe(bytes)
  }

  /** Writes what was collected up to here, for a caller that knows that nothing more comes in this turn. */
  now(): void {
    if (this.#waiting.length > 0) this.#run()
  }

  #run(): void {
    const queues = this.#waiting
    this.#waiting = []
    for (const queue of queues) queue.flush()
  }
}

/**
 * What one socket gets at the end of the turn: whole frames in order, then one coalesced `ack` frame, packed into as few WebSocket
 * messages as the frame limit allows. Bounded by `outboundBytesMax` together with what waits in the socket: beyond it the consumer is
 * slow, the queue is dropped with its socket, and the close code says "resume".
 */
export class OutboundQueue {
  readonly #socket: Socket
  readonly #flush: OutboundFlush
  /** Undefined while nothing waits: most queues are empty, and an empty list that waits for the next frame grows old and is garbage of the old kind. */
  #frames: (Uint8Array | QueuedDelivery)[] | undefined
  #bytes = 0
  /** Sends to acknowledge. */
  #acks: QueuedAck[] | undefined
  #planned = false
  #ended = false

  constructor(socket: Socket, flush: OutboundFlush) {
    this.#socket = socket
    this.#flush = flush
  }

  /** Queues a whole encoded frame; the bytes must not change any more. */
  frame(bytes: Uint8Array): void {
    if (this.#ended) return
    (this.#frames ??= []).push(bytes)
    this.#grow(bytes.length)
  }

  /** Queues a `deliver` frame, which is written when the socket is: `envelope` must not change any more. */
  delivery(position: Position, envelope: Uint8Array, body: BodyRange): void {
    if (this.#ended) return
    (this.#frames ??= []).push({ position, envelope, body })
    this.#grow(deliveryBytes(body))
  }

  /** Queues the acknowledgement of a send. */
  ack(correlation: number, position: Position): void {
    if (this.#ended) return
    (this.#acks ??= []).push({ correlation, position })
    this.#grow(ACK_BYTES)
  }

  /** Writes what is queued now. Safe after the socket closed. */
  flush(): void {
    this.#planned = false
    if (this.#ended) return
    const [frames, acks, bytes] = [this.#frames ?? NO_FRAMES, this.#acks ?? NO_ACKS, this.#bytes]
    if (frames.length === 0 && acks.length === 0) return
    this.#frames = undefined
    this.#acks = undefined
    this.#bytes = 0
    if (frames.length === 1 && acks.length === 0 && frames[0] instanceof Uint8Array) this.#write(frames[0])
    else this.#pack(frames, acks, acks.length === 0 ? bytes : bytes + FRAME_HEADER_BYTES)
  }

  /** Bytes that were queued in this turn. */
  get queuedBytes(): number {
    return this.#bytes
  }

  /** Whether nothing is written any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** Drops what is queued; nothing is written any more. */
  end(): void {
    this.#ended = true
    this.#frames = undefined
    this.#acks = undefined
  }

  #grow(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > LIMITS.outboundBytesMax) {
      this.end()
      this.#socket.close('slowConsumer')
    } else if (!this.#planned && !this.#ended) {
      this.#planned = true
      this.#flush.add(this)
    }
  }

  /** Packs frames into messages of at most `frameBytesMax`, so that a client's message limit can be the frame limit. */
  #pack(frames: readonly (Uint8Array | QueuedDelivery)[], acks: readonly QueuedAck[], wholeBytes: number): void {
    if (wholeBytes <= LIMITS.frameBytesMax) return this.#writePacked(frames, 0, frames.length, acks, wholeBytes)
    this.#socket.cork(() => {
      let left = wholeBytes
      for (let from = 0; from < frames.length || left > 0;) {
        let bytes = 0
        let to = from
        for (let next = frames[to]; next !== undefined; next = frames[to]) {
          const nextBytes = next instanceof Uint8Array ? next.length : deliveryBytes(next.body)
          if (to > from && bytes + nextBytes > LIMITS.frameBytesMax) break
          bytes += nextBytes
          to++
        }
        // Acknowledgements are the last frame: in the last message when there is room, else in one of their own.
        const isLast = to === frames.length && (left <= LIMITS.frameBytesMax || from === to)
        this.#writePacked(frames, from, to, isLast ? acks : NO_ACKS, isLast ? left : bytes)
        left -= isLast ? left : bytes
        from = to
      }
    })
  }

  #writePacked(frames: readonly (Uint8Array | QueuedDelivery)[], from: number, to: number, acks: readonly QueuedAck[], bytes: number): void {
    const room = this.#flush.room(bytes)
    // The room is anything: every byte of the message is written, each frame by its exact length.
    const offset = writeFrames(room, frames, from, to)
    if (acks.length > 0) writeAcks(room, offset, acks)
    this.#write(room.subarray(0, bytes))
  }

  #write(message: Uint8Array): void {
    if (!this.#ended && this.#socket.send(message) === 'closed') this.end()
  }
}

const NO_FRAMES: readonly (Uint8Array | QueuedDelivery)[] = []
const NO_ACKS: readonly QueuedAck[] = []

/** Writes `frames[from, to)` from the start of `message`; returns the offset behind them. */
function writeFrames(message: Uint8Array, frames: readonly (Uint8Array | QueuedDelivery)[], from: number, to: number): number {
  let offset = 0
  for (let index = from; index < to; index++) {
    const frame = frames[index]
    if (frame === undefined) continue
    if (frame instanceof Uint8Array) {
      message.set(frame, offset)
      offset += frame.length
    } else offset = writeDelivery(message, offset, frame.position, frame.envelope, frame.body)
  }
  return offset
}

/** Writes one `ack` frame at `offset`. */
function writeAcks(message: Uint8Array, offset: number, acks: readonly QueuedAck[]): void {
  writeFrameHeader(message, offset, FRAME_TYPE.ack, 0, acks.length * ACK_BYTES)
  let at = offset + FRAME_HEADER_BYTES
  for (const { correlation, position } of acks) {
    putUint32(message, at, correlation)
    putPosition(message, at + 4, position)
    at += ACK_BYTES
  }
}
