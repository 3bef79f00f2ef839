import type { Timer } from '@evegram/protocol'
import type { SimProcess } from '../kernel/process.js'
import { drawMs, type Wire } from './wire.js'

/** What goes through a {@link Pipe}: the answer to the upgrade, messages, the close frame, the news that the connection is lost. */
export type Parcel =
  | { readonly kind: 'opened' | 'text' | 'reset' }
  | { readonly kind: 'binary'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'close'; readonly code: number }

/** The two ends of a {@link Pipe}. */
export interface PipeEnds {
  readonly source: SimProcess
  readonly sink: SimProcess
  /** A parcel arrived at the sink. */
  deliver(parcel: Parcel): void
  /** At the source: nothing waits any more after something did. */
  drained(): void
  /** At the source: nothing was confirmed for too long, the connection is lost. */
  gaveUp(): void
  /** A fault cuts the connection; `heard` by both ends, or not by both. */
  cut(heard: 'by both' | 'not by both'): void
}

/** Speed and distance of one direction. */
export interface Link {
  readonly latencyMs: number
  readonly bytesPerMs: number
  /** Speed while slow links are a fault of the world; `undefined` for a link that is never slow. */
  readonly slowBytesPerMs: number | undefined
}

/** How much later a message arrives of which a packet was lost. */
const LOST_MS = [200, 3_000] as const
/** How long a way stands still. */
const STALL_MS = [1_000, 10_000] as const
/** After how long without a confirmation TCP calls a connection lost. */
const GIVE_UP_MS = [15_000, 60_000] as const
/** For how long data on its way survives a partition. */
const HEAL_WITHIN_MS = 20_000
/** Time between two tries to get through a partition: doubles from the first to the last, as TCP does. */
const RETRY_MS = [200, 4_000] as const
/** A way that is busy for less than this does not delay: messages of one moment then arrive together, in one event. */
const BUSY_MS_MIN = 1
/** Bytes of a frame beside the message. */
const FRAMING_BYTES = 8
/** Smaller than any planned time, larger than what adding two of them rounds off. */
const ROUNDING_MS = 1e-6

/**
 * One direction of a connection: whole messages in order, each with a latency, at a limited speed. What was sent and not yet read counts
 * against the window; what is beyond it waits in the socket of the sender. One event for all that arrives at one moment, none while idle.
 */
export class Pipe {
  readonly #wire: Wire
  readonly #ends: PipeEnds
  readonly #link: Link
  readonly #queue: { readonly parcel: Parcel; readonly atMs: number }[] = []
  #unreadBytes = 0
  #waited = false
  #shut = false
  #resting = false
  /** A read is planned, or waits for the sink to wake up. */
  #planned = false
  #freeAtMs = 0
  #lastAtMs = 0
  #sentAtMs = -1
  #latencyMs = 0
  #blockedSinceMs: number | undefined
  #retryMs: number = RETRY_MS[0]
  #doubts: Timer | undefined

  constructor(wire: Wire, link: Link, ends: PipeEnds) {
    this.#wire = wire
    this.#link = link
    this.#ends = ends
  }

  /** Bytes that wait in the socket of the sender. */
  get bufferedBytes(): number {
    return Math.max(0, this.#unreadBytes - this.#wire.windowBytes)
  }

  /** Sends a parcel, whose bytes belong to the pipe from now on. A fault may cut the connection instead. */
  send(parcel: Parcel): void {
    this.#unreadBytes += bytesOf(parcel)
    if (this.bufferedBytes > 0) this.#waited = true
    if (this.#shut) this.#doubt()
    else if (parcel.kind !== 'binary') this.#put(parcel, 0)
    else this.#expose(parcel)
  }

  /** The last that comes out: the connection is lost. With `overtakes` what is under way vanishes. Nothing is taken any more. */
  reset(overtakes: boolean): void {
    if (this.#shut) return
    if (overtakes) this.#queue.length = 0
    this.#put({ kind: 'reset' }, 0)
    this.#shut = true
    if (overtakes && this.#unreadBytes > 0) this.#doubt()
  }

  /** What is under way vanishes, nothing is taken any more, and nobody is told: the source finds out when it misses confirmations. */
  sever(): void {
    this.#queue.length = 0
    this.#shut = true
    if (this.#unreadBytes > 0) this.#doubt()
  }

  /** The source does not care any more whether what it sent arrives. */
  rest(): void {
    this.#resting = true
    this.#doubts?.cancel()
  }

  /** A message meets the faults of the world. */
  #expose(parcel: Parcel): void {
    const { random, faults, run } = this.#wire
    const { lost, stalled, reset, halfOpen } = faults()
    const drawn = random.unit()
    if (drawn >= lost + stalled + reset + halfOpen) this.#put(parcel, 0)
    else if (drawn < lost) {
      run.coverage.count('fault/network.lost packet')
      this.#put(parcel, drawMs(random, LOST_MS))
    } else if (drawn < lost + stalled) {
      run.coverage.count('fault/network.stalled')
      this.#freeAtMs = Math.max(this.#freeAtMs, run.nowMs) + drawMs(random, STALL_MS)
      this.#put(parcel, 0)
    } else this.#ends.cut(drawn < lost + stalled + reset ? 'by both' : 'not by both')
  }

  #put(parcel: Parcel, delayMs: number): void {
    const { run, random, faults } = this.#wire
    const { nowMs } = run
    const { latencyMs, bytesPerMs, slowBytesPerMs } = this.#link
    if (nowMs !== this.#sentAtMs) {
      this.#sentAtMs = nowMs
      this.#latencyMs = latencyMs * (1 + random.unit())
    }
    const speed = slowBytesPerMs !== undefined && faults().slowLink > 0 ? slowBytesPerMs : bytesPerMs
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytesOf(parcel) + FRAMING_BYTES) / speed
    const busyMs = this.#freeAtMs - nowMs
    const atMs = nowMs + this.#latencyMs + delayMs + (busyMs < BUSY_MS_MIN ? 0 : busyMs)
    this.#lastAtMs = Math.max(this.#lastAtMs, atMs)
    this.#queue.push({ parcel, atMs: this.#lastAtMs })
    this.#plan()
  }

  #plan(): void {
    const [first] = this.#queue
    if (this.#planned || first === undefined) return
    this.#planned = true
    this.#wire.run.scheduler.after(first.atMs - this.#wire.run.nowMs, () => { this.#arrive() })
  }

  #arrive(): void {
    const { run, reaches } = this.#wire
    const { source, sink } = this.#ends
    const { nowMs } = run
    const [first] = this.#queue
    // What was planned for may be gone, and something later may have taken its place.
    if (first === undefined || first.atMs > nowMs + ROUNDING_MS) this.#again()
    else if (reaches(source.machine, sink.machine)) {
      this.#blockedSinceMs = undefined
      // A sink that sleeps reads when it wakes up: until then everything behind waits too.
      sink.run(() => { this.#read() })
    } else this.#retry(nowMs)
  }

  #again(): void {
    this.#planned = false
    this.#plan()
  }

  #retry(nowMs: number): void {
    const { run, random } = this.#wire
    if (this.#blockedSinceMs === undefined) {
      this.#blockedSinceMs = nowMs
      this.#retryMs = RETRY_MS[0]
      run.coverage.count('fault/network.waits for a partition')
    }
    if (nowMs - this.#blockedSinceMs > HEAL_WITHIN_MS) {
      run.coverage.count('fault/network.lost to a partition')
      this.#ends.source.run(() => { this.#ends.gaveUp() })
      this.#planned = false
      return
    }
    run.scheduler.after(this.#retryMs * (1 + random.unit() / 4), () => { this.#arrive() })
    this.#retryMs = Math.min(RETRY_MS[1], this.#retryMs * 2)
  }

  #read(): void {
    const { run } = this.#wire
    const { sink } = this.#ends
    const untilMs = run.nowMs + ROUNDING_MS
    for (let first = this.#queue[0]; first !== undefined && first.atMs <= untilMs; first = this.#queue[0]) {
      this.#queue.shift()
      this.#unreadBytes -= bytesOf(first.parcel)
      this.#ends.deliver(first.parcel)
      // What it was handed may have killed it.
      if (!sink.alive) return
    }
    if (this.#waited && this.bufferedBytes === 0) this.#confirm()
    this.#again()
  }

  /** Tells the source, one latency later, that nothing waits; unless something waits again by then. */
  #confirm(): void {
    this.#waited = false
    this.#wire.run.scheduler.after(this.#latencyMs, () => {
      this.#ends.source.run(() => { if (this.bufferedBytes === 0) this.#ends.drained() })
    })
  }

  #doubt(): void {
    const { run, random } = this.#wire
    const { source } = this.#ends
    if (this.#resting || this.#doubts !== undefined || !source.alive) return
    this.#doubts = run.scheduler.after(drawMs(random, GIVE_UP_MS), () => {
      run.coverage.count('fault/network.gave up')
      source.run(() => { this.#ends.gaveUp() })
    })
  }
}

function bytesOf(parcel: Parcel): number {
  return parcel.kind === 'binary' ? parcel.bytes.length : 0
}
