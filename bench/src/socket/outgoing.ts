import { headBytesOf, writeHead, type Opcode } from './websocket-frames.js'

/** Room of a socket for what it sends in one turn, at first and at most; what is more leaves at once. */
const ROOM_BYTES_MIN = 1_024
const ROOM_BYTES_MAX = 65_536

/** Where messages go. */
export interface OutgoingTarget {
  /** Writes `bytes[0, length)` now, in order; they may be written over afterwards. Never throws. */
  write(bytes: Buffer, length: number): void
}

/** What one socket sends in a turn: it leaves with one write at the end of the work that sends it, before anything else happens in the process. */
export class Outgoing {
  readonly #target: OutgoingTarget
  #room: Buffer | undefined
  #used = 0

  constructor(target: OutgoingTarget) {
    this.#target = target
  }

  /** Takes a copy of a message. */
  add(opcode: Opcode, payload: Uint8Array): void {
    const bytes = headBytesOf(payload.length) + payload.length
    if (this.#used > 0 && this.#used + bytes > ROOM_BYTES_MAX) this.flush()
    if (bytes > ROOM_BYTES_MAX) {
      const own = Buffer.allocUnsafeSlow(bytes)
      own.set(payload, writeHead(own, 0, opcode, payload.length))
      this.#target.write(own, bytes)
      return
    }
    const room = this.#roomFor(this.#used + bytes)
    if (this.#used === 0) flushSoon(this)
    room.set(payload, writeHead(room, this.#used, opcode, payload.length))
    this.#used += bytes
  }

  /** Writes what is there now. */
  flush(): void {
    const used = this.#used
    this.#used = 0
    if (used > 0 && this.#room !== undefined) this.#target.write(this.#room, used)
  }

  #roomFor(bytes: number): Buffer {
    const room = this.#room
    if (room !== undefined && bytes <= room.length) return room
    let length = Math.max(ROOM_BYTES_MIN, room?.length ?? 0)
    while (length < bytes) length *= 2
    const larger = Buffer.allocUnsafeSlow(length)
    if (room !== undefined) larger.set(room.subarray(0, this.#used))
    this.#room = larger
    return larger
  }
}

/** Those with something to write; twice where a room was full in between. */
let waiting: Outgoing[] = []

function flushSoon(outgoing: Outgoing): void {
  if (waiting.push(outgoing) === 1) queueMicrotask(flushAll)
}

function flushAll(): void {
  const due = waiting
  waiting = []
  for (const outgoing of due) outgoing.flush()
}
