import { ACK_BYTES, FRAME_HEADER_BYTES, FRAME_TYPE, LIMITS, writeFrameHeader, type Position } from '@evegram/protocol'
import type { Socket } from '../ports/socket-server.js'
import type { Turn } from '../ports/turn.js'
import { deliveryBytes, writeDelivery, type BodyRange } from './delivery.js'

interface QueuedDelivery {
  readonly position: Position
  readonly envelope: Uint8Array
  readonly body: BodyRange
}

/** Collects the queues that got something in this turn and writes each once at its end. */
export class OutboundFlush {
  readonly #turn: Turn
  #waiting: OutboundQueue[] = []

  constructor(turn: Turn) {
    this.#turn = turn
  }

  /** The queue has something to write. Called once per queue and turn. */
  add(queue: OutboundQueue): void {
    if (this.#waiting.push(queue) === 1) this.#turn.defer(() => { this.#run() })
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
  /** Correlation and position of sends to acknowledge. */
  #acks: { readonly correlation: number; readonly position: Position }[] | undefined
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
    const frames = this.#frames ?? []
    if (this.#acks !== undefined) frames.push(ackFrame(this.#acks))
    if (frames.length === 0) return
    this.#frames = undefined
    this.#acks = undefined
    this.#bytes = 0
    if (frames.length === 1 && frames[0] instanceof Uint8Array) this.#write(frames[0])
    else this.#pack(frames)
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
  #pack(frames: readonly (Uint8Array | QueuedDelivery)[]): void {
    const messages: Uint8Array[] = []
    for (let from = 0; from < frames.length;) {
      let bytes = 0
      let to = from
      for (let next = frames[to]; next !== undefined; next = frames[to]) {
        const nextBytes = next instanceof Uint8Array ? next.length : deliveryBytes(next.body)
        if (to > from && bytes + nextBytes > LIMITS.frameBytesMax) break
        bytes += nextBytes
        to++
      }
      messages.push(packMessage(frames, from, to, bytes))
      from = to
    }
    const [only] = messages
    if (messages.length === 1 && only !== undefined) this.#write(only)
    else this.#socket.cork(() => { for (const message of messages) this.#write(message) })
  }

  #write(message: Uint8Array): void {
    if (!this.#ended && this.#socket.send(message) === 'closed') this.end()
  }
}

function ackFrame(acks: readonly { readonly correlation: number; readonly position: Position }[]): Uint8Array {
  const bodyBytes = acks.length * ACK_BYTES
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + bodyBytes)
  writeFrameHeader(bytes, 0, FRAME_TYPE.ack, 0, bodyBytes)
  let offset = FRAME_HEADER_BYTES
  for (const { correlation, position } of acks) {
    offset = bytes.writeUInt32BE(correlation, offset)
    offset = bytes.writeUInt32BE(Math.floor(position.timeMs / 2 ** 32), offset)
    offset = bytes.writeUInt32BE(position.timeMs % 2 ** 32, offset)
    offset = bytes.writeUInt32BE(position.incarnation, offset)
    offset = bytes.writeUInt32BE(position.counter, offset)
  }
  return bytes
}

function packMessage(frames: readonly (Uint8Array | QueuedDelivery)[], from: number, to: number, bytes: number): Uint8Array {
  // Uninitialised memory: every byte is written below, each frame by its exact length.
  const message = Buffer.allocUnsafe(bytes)
  let offset = 0
  for (let index = from; index < to; index++) {
    const frame = frames[index]
    if (frame === undefined) continue
    if (frame instanceof Uint8Array) {
      message.set(frame, offset)
      offset += frame.length
    } else offset = writeDelivery(message, offset, frame.position, frame.envelope, frame.body)
  }
  return message
}
