import { EvegramError, type Clock, type Random, type Timer } from '@evegram/protocol'
import type { NatsConnection, NatsError, Subscription } from 'nats'
import { BUS_PACKET_BYTES_MAX, OFFERED_BYTES_MAX, subjectOf, type Bus, type Subject } from '../../bus.js'
import type { Logger } from '../../log.js'
import { backoffMs } from '../backoff.js'
import { dial, type Dialled } from './dial.js'
import type { BusMetrics, LossReason, RefusalReason } from './metrics.js'
import { PendingFlushes } from './pending-flushes.js'
import { orderToTry, type NatsServer } from './servers.js'

/** Bytes published that the server has not confirmed; beyond it the publisher gets `limited.queue`. */
export const BUS_PENDING_BYTES_MAX = 33_554_432
/** Unconfirmed bytes from which on what is offered is shed: the way is crowded, and it belongs to packets. */
export const BUS_OFFER_PENDING_BYTES_MAX = BUS_PENDING_BYTES_MAX / 32
/** Bytes around a packet: the command and its line ends, without the subject. */
const PACKET_OVERHEAD_BYTES = 16
/** Unconfirmed bytes at which the bus asks for a confirmation by itself. */
const CONFIRM_BYTES = BUS_PENDING_BYTES_MAX / 8
/** How often a server that nobody flushes is asked for a sign of life. */
const WATCH_MS = 500
/** A server that leaves a flush unanswered for so long is given up: it hangs, or this node reads slower than packets come. */
export const BUS_STALL_MS = 2_000
/** A flush that took longer is counted. */
const SLOW_FLUSH_MS = 500
/** How often an outage that lasts is reported. */
const OUTAGE_LOG_MS = 10_000

/** What {@link NatsBus} needs. */
export interface NatsBusParts {
  readonly servers: readonly NatsServer[]
  readonly name: string
  readonly prefix: readonly string[]
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly metrics: BusMetrics
}

interface Connected {
  readonly nats: NatsConnection
  readonly server: NatsServer
  readonly flushes: PendingFlushes
  readonly subscriptions: Map<string, Subscription>
}

interface Listener {
  readonly handler: (bytes: Uint8Array) => void
}

/**
 * Packets between nodes over NATS core. Handlers run as packets are read from the socket, so no queue of this process stands between them and the
 * server: what a node does not read in time waits there, up to the server's `max_pending`, and then costs the connection. While there is
 * none, `publish` throws and `flush` rejects at once; subscriptions return with the next connection, what was published meanwhile does not.
 */
export class NatsBus implements Bus {
  readonly #parts: NatsBusParts
  /** Full subject -> its handlers. NATS knows each subject once. */
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #watch: Timer
  #connected: Connected | undefined
  #publishedBytes = 0
  #confirmedBytes = 0
  #confirming = false
  #watchedMs: number
  #retry: Timer | undefined
  #closed = false

  /** For {@link connectNats}, which makes the first connection. */
  constructor(parts: NatsBusParts, first: Dialled) {
    this.#parts = parts
    this.#watchedMs = parts.clock.monotonicMs()
    this.#adopt(first)
    this.#watch = parts.clock.every(WATCH_MS, () => { this.#checkLife() })
  }

  /** Whether a server answers now. */
  status(): { readonly connected: boolean } {
    return { connected: this.#connected !== undefined }
  }

  publish(subject: Subject, bytes: Uint8Array): void {
    const connected = this.#connected
    if (connected === undefined) throw this.#refusal('disconnected', new EvegramError('unavailable.bus', { operation: 'publish' }))
    if (bytes.length > BUS_PACKET_BYTES_MAX) {
      throw this.#refusal('size', new EvegramError('too_large.request', { operation: 'publish', details: { bytesMax: BUS_PACKET_BYTES_MAX } }))
    }
    const pendingBytes = this.#publishedBytes - this.#confirmedBytes
    if (pendingBytes + bytes.length > BUS_PENDING_BYTES_MAX) {
      throw this.#refusal('queue', new EvegramError('limited.queue', { operation: 'publish', details: { pendingBytes, pendingBytesMax: BUS_PENDING_BYTES_MAX } }))
    }
    const name = this.#fullName(subject)
    try {
      connected.nats.publish(name, bytes)
    } catch (cause) {
      throw this.#refusal('disconnected', new EvegramError('unavailable.bus', { operation: 'publish', cause }))
    }
    this.#count(name, bytes)
    if (pendingBytes > CONFIRM_BYTES) this.#confirm(connected)
  }

  offer(subject: Subject, bytes: Uint8Array): 'offered' | 'shed' {
    const connected = this.#connected
    const isCrowded = this.#publishedBytes - this.#confirmedBytes >= BUS_OFFER_PENDING_BYTES_MAX
    if (connected === undefined || isCrowded || bytes.length > OFFERED_BYTES_MAX) {
      this.#parts.metrics.shed.add()
      // Nobody may ever flush for what is shed: the bus finds out by itself when there is room again.
      if (isCrowded && connected !== undefined) this.#confirm(connected)
      return 'shed'
    }
    const name = this.#fullName(subject)
    try {
      connected.nats.publish(name, bytes)
    } catch {
      // The connection ends in this moment; whoever publishes is told so.
      this.#parts.metrics.shed.add()
      return 'shed'
    }
    this.#count(name, bytes)
    return 'offered'
  }

  async flush(): Promise<void> {
    const connected = this.#connected
    if (connected === undefined) throw new EvegramError('unavailable.bus', { operation: 'flush' })
    const { clock, metrics } = this.#parts
    const publishedBytes = this.#publishedBytes
    const askedMs = clock.monotonicMs()
    await connected.flushes.add(askedMs, () => connected.nats.flush())
    if (connected !== this.#connected) throw new EvegramError('unavailable.bus', { operation: 'flush' })
    this.#confirmedBytes = Math.max(this.#confirmedBytes, publishedBytes)
    metrics.pendingBytes.set(this.#publishedBytes - this.#confirmedBytes)
    if (clock.monotonicMs() - askedMs > SLOW_FLUSH_MS) metrics.slowFlushes.add()
  }

  subscribe(subject: Subject, handler: (bytes: Uint8Array) => void): () => void {
    if (this.#closed) throw new EvegramError('unavailable.bus', { operation: 'subscribe' })
    const name = this.#fullName(subject)
    const listeners = this.#listeners.get(name) ?? new Set()
    const listener: Listener = { handler }
    this.#listeners.set(name, listeners.add(listener))
    if (listeners.size === 1 && this.#connected !== undefined) this.#listen(this.#connected, name)
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#listeners.delete(name)
      this.#connected?.subscriptions.get(name)?.unsubscribe()
      this.#connected?.subscriptions.delete(name)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#watch.cancel()
    this.#retry?.cancel()
    for (const listeners of this.#listeners.values()) listeners.clear()
    this.#listeners.clear()
    const connected = this.#connected
    this.#connected = undefined
    this.#parts.metrics.connected.set(0)
    connected?.flushes.failAll(undefined)
    await connected?.nats.close()
  }

  #fullName(subject: Subject): string {
    return this.#parts.prefix.length === 0 ? subject : subjectOf(...this.#parts.prefix, ...subject.split('.'))
  }

  #count(name: string, bytes: Uint8Array): void {
    const { metrics } = this.#parts
    this.#publishedBytes += bytes.length + name.length + PACKET_OVERHEAD_BYTES
    metrics.packetsOut.add()
    metrics.bytesOut.add(bytes.length)
  }

  #refusal(reason: RefusalReason, error: EvegramError): EvegramError {
    this.#parts.metrics.refused.add(1, { reason })
    return error
  }

  /** Asks how far the server is when a caller publishes much between two flushes. */
  #confirm(connected: Connected): void {
    if (this.#confirming || connected !== this.#connected) return
    this.#confirming = true
    this.flush().catch(() => undefined).finally(() => { this.#confirming = false })
  }

  #adopt({ nats, server }: Dialled): void {
    const connected: Connected = { nats, server, flushes: new PendingFlushes(), subscriptions: new Map() }
    for (const name of this.#listeners.keys()) this.#listen(connected, name)
    this.#publishedBytes = 0
    this.#confirmedBytes = 0
    this.#connected = connected
    this.#parts.metrics.connected.set(1)
    void this.#reportErrors(connected)
    void nats.closed().then((failure) => { this.#lose(connected, reasonOf(failure), failure) })
  }

  #listen(connected: Connected, name: string): void {
    const { metrics, log } = this.#parts
    connected.subscriptions.set(name, connected.nats.subscribe(name, {
      callback: (failure: NatsError | null, message) => {
        if (failure !== null) {
          metrics.serverErrors.add()
          log.error({ err: failure, server: connected.server.place }, 'NATS refused a subscription: check the permissions of the user')
          return
        }
        metrics.packetsIn.add()
        metrics.bytesIn.add(message.data.length)
        this.#deliver(name, message.data)
      },
    }))
  }

  #deliver(name: string, bytes: Uint8Array): void {
    for (const { handler } of this.#listeners.get(name) ?? []) {
      try {
        handler(bytes)
      } catch (failure) {
        // One handler's fault must not end the reading of the connection.
        this.#parts.metrics.handlerFailures.add()
        this.#parts.log.error({ err: failure, subject: name }, 'a bus handler failed')
      }
    }
  }

  async #reportErrors(connected: Connected): Promise<void> {
    for await (const event of connected.nats.status()) {
      if (String(event.type) !== 'error') continue
      this.#parts.metrics.serverErrors.add()
      this.#parts.log.warn({ server: connected.server.place, code: typeof event.data === 'string' ? event.data : undefined }, 'NATS reported an error')
    }
  }

  #checkLife(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    const stalled = nowMs - this.#watchedMs > 2 * WATCH_MS
    this.#watchedMs = nowMs
    const connected = this.#connected
    if (connected === undefined) return
    if (stalled) connected.flushes.forgive(nowMs)
    const { oldestSinceMs } = connected.flushes
    if (oldestSinceMs === undefined) this.#confirm(connected)
    else if (nowMs - oldestSinceMs > BUS_STALL_MS) this.#lose(connected, 'stalled', undefined)
  }

  #lose(connected: Connected, reason: LossReason, cause: unknown): void {
    if (this.#connected !== connected) return
    const { metrics, log, clock } = this.#parts
    this.#connected = undefined
    metrics.connected.set(0)
    metrics.lost.add(1, { reason })
    log.warn({ server: connected.server.place, reason, ...(cause === undefined ? {} : { err: cause }) }, 'NATS is lost: packets are refused until a server answers')
    connected.flushes.failAll(cause)
    // Nothing of it is waited for: a server that hangs would not let go.
    connected.nats.close().catch(() => undefined)
    this.#planRetry({ attempt: 0, sinceMs: clock.monotonicMs(), loggedMs: clock.monotonicMs(), lost: connected.server.place })
  }

  #planRetry(outage: Outage): void {
    const { clock, random } = this.#parts
    this.#retry = clock.after(backoffMs(outage.attempt, random), () => { void this.#reconnect(outage) })
  }

  async #reconnect(outage: Outage): Promise<void> {
    const { servers, name, clock, random, log, metrics } = this.#parts
    try {
      const dialled = await dial(orderToTry(servers, outage.lost, random), name)
      if (this.#closed) return await dialled.nats.close()
      this.#adopt(dialled)
      metrics.reconnects.add()
      log.info({ server: dialled.server.place, awayMs: Math.round(clock.monotonicMs() - outage.sinceMs) }, 'NATS is back')
    } catch (cause) {
      if (this.#closed) return
      const nowMs = clock.monotonicMs()
      const due = nowMs - outage.loggedMs >= OUTAGE_LOG_MS
      if (due) log.warn({ err: cause, awayMs: Math.round(nowMs - outage.sinceMs) }, 'NATS is still away: trying again')
      this.#planRetry({ ...outage, attempt: outage.attempt + 1, loggedMs: due ? nowMs : outage.loggedMs })
    }
  }
}

interface Outage {
  readonly attempt: number
  readonly sinceMs: number
  readonly loggedMs: number
  readonly lost: string
}

function reasonOf(failure: unknown): LossReason {
  return failure instanceof Error && /slow consumer/i.test(failure.message) ? 'slow_consumer' : 'closed'
}
