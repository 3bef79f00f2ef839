import { EvegramError, type Delivery } from '@evegram/protocol'
import { DELIVERY_BATCH_MAX, INBOUND_BYTES_MAX, INBOUND_FRAMES_MAX, SIGNAL_EVENTS_MAX, type ConnectionEvent } from './connection.js'

/** A single event as it was received: deliveries are joined only when they are handed over. */
export type InboundEvent =
  | { readonly type: 'deliver'; readonly delivery: Delivery }
  | Exclude<ConnectionEvent, { readonly type: 'deliver' }>

/**
 * Events between the socket and their consumer: handed over one at a time, in order, neighbouring deliveries together. Bounded in
 * number and bytes; what comes past the bound makes `push` throw, and the connection ends visibly instead of growing.
 */
export class InboundQueue {
  readonly #consume: (event: ConnectionEvent) => Promise<void>
  readonly #onFault: (cause: unknown) => void
  #waiting: { readonly event: InboundEvent; readonly bytes: number }[] = []
  #bytes = 0
  #started = false
  #closed = false
  #running: Promise<void> = Promise.resolve()
  #isRunning = false

  /** `consume` handles one event; `onFault` is told of its rejection, after which nothing more is handed over. */
  constructor(consume: (event: ConnectionEvent) => Promise<void>, onFault: (cause: unknown) => void) {
    this.#consume = consume
    this.#onFault = onFault
  }

  /** Begins to hand over, what was pushed before first. */
  start(): void {
    this.#started = true
    this.#run()
  }

  /** Adds an event that took `bytes` on the wire. Throws `limited.queue` past the bounds. Ignored once closed. */
  push(event: InboundEvent, bytes: number): void {
    if (this.#closed) return
    if (this.#waiting.length >= INBOUND_FRAMES_MAX || this.#bytes + bytes > INBOUND_BYTES_MAX) {
      const details = { frames: this.#waiting.length, bytes: this.#bytes }
      throw new EvegramError('limited.queue', { operation: 'queue received frames', details })
    }
    this.#waiting.push({ event, bytes })
    this.#bytes += bytes
    this.#run()
  }

  /** Adds an event that nobody misses, unless {@link SIGNAL_EVENTS_MAX} wait already. */
  offer(event: InboundEvent, bytes: number): void {
    if (this.#waiting.length < SIGNAL_EVENTS_MAX) this.push(event, bytes)
  }

  /** Drops what waits and resolves when the consumer finished the event in its hands. */
  async close(): Promise<void> {
    this.#closed = true
    this.#waiting = []
    await this.#running
  }

  #run(): void {
    if (!this.#started || this.#closed || this.#isRunning || this.#waiting.length === 0) return
    this.#isRunning = true
    this.#running = this.#drain()
  }

  async #drain(): Promise<void> {
    try {
      // Leaves the caller's stack first, so that frames of one message are there to be joined.
      await Promise.resolve()
      for (let event = this.#take(); event !== undefined; event = this.#take()) await this.#consume(event)
    } catch (cause) {
      this.#closed = true
      this.#waiting = []
      this.#onFault(cause)
    } finally {
      this.#isRunning = false
    }
  }

  #take(): ConnectionEvent | undefined {
    const first = this.#shift()
    if (first === undefined || first.type !== 'deliver') return first
    const deliveries = [first.delivery]
    while (deliveries.length < DELIVERY_BATCH_MAX && this.#waiting[0]?.event.type === 'deliver') {
      const next = this.#shift()
      if (next?.type === 'deliver') deliveries.push(next.delivery)
    }
    return { type: 'deliver', deliveries }
  }

  #shift(): InboundEvent | undefined {
    const next = this.#waiting.shift()
    this.#bytes -= next?.bytes ?? 0
    return next?.event
  }
}
