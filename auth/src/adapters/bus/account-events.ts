import {
  ACCOUNT_EVENTS_SUBJECT, ACCOUNT_HEARTBEAT_MS, encodeAccountPacket, SENDER_BYTES, withDeadline,
  type AccountEvent, type Bus, type Counter, type Logger, type Metrics,
} from '@evegram/platform'
import { EvegramError, hexOf, type Clock, type Random, type Timer } from '@evegram/protocol'
import type { Auth } from '../../auth.js'

/** Time for the broker to take what was published. */
const FLUSH_MS = 1_000
/** Time without a broker after which this instance should get no new work. */
const BROKER_LOST_MS = 2_000

/** What {@link AccountEvents} needs. */
export interface AccountEventsParts {
  readonly bus: Bus
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
}

/**
 * Tells every engine node what happens to accounts. Events are numbered for this start of this instance; the last number is repeated every
 * {@link ACCOUNT_HEARTBEAT_MS}, so that whoever lost one notices. An event that the broker did not take has its number all the same.
 */
export class AccountEvents {
  readonly #parts: AccountEventsParts
  readonly #sender: string
  readonly #failures: Counter
  #last = 0
  #flushedMs: number
  #timer: Timer | undefined

  constructor(parts: AccountEventsParts) {
    this.#parts = parts
    this.#sender = hexOf(parts.random.bytes(SENDER_BYTES))
    this.#flushedMs = parts.clock.monotonicMs()
    this.#failures = parts.metrics.counter({ name: 'auth_event_failures_total', help: 'Times that the broker did not take events about accounts' })
  }

  /** Publishes what `auth` tells from now on. Returns the end of it. */
  follow(auth: Pick<Auth, 'onAccountChanged' | 'onSessionRevoked' | 'onPrekeysLow'>): () => void {
    const endings = [
      auth.onAccountChanged(({ account, seq, revokedDevices, closed }) => { this.#event({ kind: 'log', account, seq, revokedDevices, closed }) }),
      auth.onSessionRevoked(({ account, device }) => { this.#event({ kind: 'session_revoked', account, device }) }),
      auth.onPrekeysLow(({ account, device, remaining }) => { this.#event({ kind: 'prekeys_low', account, device, remaining }) }),
    ]
    return () => { for (const end of endings) end() }
  }

  /** Says that this instance is there, now and from time to time. Rejects `unavailable.bus` when the broker does not take it. */
  async start(): Promise<void> {
    this.#publish(encodeAccountPacket({ sender: this.#sender, number: this.#last, kind: 'alive' }))
    await this.flush()
    this.#timer = this.#parts.clock.every(ACCOUNT_HEARTBEAT_MS, () => {
      this.#publish(encodeAccountPacket({ sender: this.#sender, number: this.#last, kind: 'alive' }))
      // The failure was counted; readiness shows it when it lasts.
      this.flush().catch(() => undefined)
    })
  }

  /** Resolved = the broker has every event so far. Rejects `unavailable.bus`. */
  async flush(): Promise<void> {
    const { clock, bus } = this.#parts
    try {
      await withDeadline(clock, FLUSH_MS, 'flush events', () => bus.flush())
      this.#flushedMs = clock.monotonicMs()
    } catch (cause) {
      this.#failed(cause)
      throw new EvegramError('unavailable.bus', { operation: 'publish account events', cause })
    }
  }

  /** Whether the broker took everything within the last {@link BROKER_LOST_MS}. */
  brokerHeld(): boolean {
    return this.#parts.clock.monotonicMs() - this.#flushedMs <= BROKER_LOST_MS
  }

  /** Says goodbye, so that the silence that follows is no reason for doubt. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#publish(encodeAccountPacket({ sender: this.#sender, number: this.#last, kind: 'left' }))
    // Without the broker the nodes notice the silence by themselves.
    await this.flush().catch(() => undefined)
  }

  #event(event: AccountEvent): void {
    this.#last++
    this.#publish(encodeAccountPacket({ sender: this.#sender, number: this.#last, kind: 'event', event }))
  }

  #publish(bytes: Uint8Array): void {
    try {
      this.#parts.bus.publish(ACCOUNT_EVENTS_SUBJECT, bytes)
    } catch (cause) {
      this.#failed(cause)
    }
  }

  #failed(cause: unknown): void {
    this.#failures.add()
    this.#parts.log.warn({ err: cause }, 'the broker did not take events about accounts')
  }
}
