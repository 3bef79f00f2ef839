import {
  ACCOUNT_EVENTS_SUBJECT, ACCOUNT_HEARTBEAT_MS, ACCOUNT_SILENCE_MS, decodeAccountPacket,
  type AccountPacket, type Bus, type Counter, type Logger, type Metrics,
} from '@evegram/platform'
import { isEvegramError, type Clock, type Timer } from '@evegram/protocol'
import type { AccountChange, AccountDirectory } from '../../ports/account-directory.js'

/** Interval of doubts while a silence lasts: what happens meanwhile is not heard either. */
const DOUBT_AGAIN_MS = 5_000
/** A silent instance is taken for ended after this. Should it speak again, it is taken for a new one whose beginning was not heard. */
const FORGET_MS = 20_000
/** Instances that are known at once; beyond it the one that was heard longest ago is forgotten. */
const SENDERS_MAX = 256

/** What {@link AccountChanges} needs. */
export interface AccountChangesParts {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

interface Sender {
  last: number
  heardMs: number
  /** Its silence was acted on. */
  silent: boolean
}

type Doubt = 'unknown_sender' | 'gap' | 'silence' | 'deaf'

/**
 * Follows what the instances of auth publish about accounts. Packets are numbered per instance: a missing number, a silence of more than
 * {@link ACCOUNT_SILENCE_MS} without goodbye, and an instance whose beginning was not heard are told as `resync`.
 * Architecture invariant: an event that the broker took from an instance is handed on, or followed by a `resync` once the next packet of that instance
 * arrives or stays away.
 */
export class AccountChanges implements Pick<AccountDirectory, 'onChange'> {
  readonly #parts: AccountChangesParts
  readonly #listeners = new Set<(change: AccountChange) => void>()
  readonly #senders = new Map<string, Sender>()
  readonly #doubts: Counter
  readonly #malformed: Counter
  #startedMs = 0
  #lastDoubtMs = 0
  #tickMs = 0
  #timer: Timer | undefined
  #unsubscribe: (() => void) | undefined

  constructor(parts: AccountChangesParts) {
    this.#parts = parts
    this.#doubts = parts.metrics.counter({ name: 'account_events_doubts_total', help: 'Times that word about accounts may have been lost', labels: ['reason'] })
    this.#malformed = parts.metrics.counter({ name: 'account_events_malformed_total', help: 'Packets about accounts that did not parse' })
  }

  onChange(listener: (change: AccountChange) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Listens. Resolved = what is published from now on arrives. Rejects `unavailable.bus`. */
  async start(): Promise<void> {
    const { bus, clock } = this.#parts
    this.#unsubscribe = bus.subscribe(ACCOUNT_EVENTS_SUBJECT, (bytes) => { this.#receive(bytes) })
    await bus.flush()
    this.#startedMs = this.#tickMs = this.#lastDoubtMs = clock.monotonicMs()
    this.#timer = clock.every(ACCOUNT_HEARTBEAT_MS, () => { this.#tick() })
  }

  /** Whether an instance of auth was heard of within the last {@link ACCOUNT_SILENCE_MS}. */
  heard(): boolean {
    const nowMs = this.#parts.clock.monotonicMs()
    return [...this.#senders.values()].some(({ heardMs }) => nowMs - heardMs <= ACCOUNT_SILENCE_MS)
  }

  /** Listens no more. */
  stop(): void {
    this.#timer?.cancel()
    this.#unsubscribe?.()
  }

  #receive(bytes: Uint8Array): void {
    let packet: AccountPacket
    try {
      packet = decodeAccountPacket(bytes)
    } catch (failure) {
      if (!isEvegramError(failure)) throw failure
      // Of a faulty or newer instance: its number stays missing, and the next packet shows the gap.
      this.#malformed.add()
      return
    }
    const nowMs = this.#parts.clock.monotonicMs()
    const isNews = this.#follow(packet, nowMs)
    if (packet.kind === 'left') this.#senders.delete(packet.sender)
    if (packet.kind === 'event' && isNews) this.#tell(packet.event)
  }

  /** Counts the packet; false when its number was counted before. */
  #follow(packet: AccountPacket, nowMs: number): boolean {
    const expected = packet.kind === 'event' ? packet.number - 1 : packet.number
    const sender = this.#senders.get(packet.sender)
    if (sender === undefined) {
      this.#senders.set(packet.sender, { last: packet.number, heardMs: nowMs, silent: false })
      this.#makeRoom()
      if (expected > 0) this.#doubt('unknown_sender')
      return true
    }
    sender.heardMs = nowMs
    sender.silent = false
    if (packet.number < sender.last || (packet.kind === 'event' && packet.number === sender.last)) return false
    const missed = expected > sender.last
    sender.last = packet.number
    if (missed) this.#doubt('gap')
    return true
  }

  #makeRoom(): void {
    if (this.#senders.size <= SENDERS_MAX) return
    const [oldest] = [...this.#senders].sort(([, one], [, other]) => one.heardMs - other.heardMs)
    if (oldest !== undefined) this.#senders.delete(oldest[0])
  }

  #tick(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    // After a gap of our own, what was published meanwhile waits unread: the silence is not theirs.
    const stalled = nowMs - this.#tickMs > 2 * ACCOUNT_HEARTBEAT_MS
    this.#tickMs = nowMs
    if (stalled) this.#startedMs = nowMs
    let silence = false
    for (const [name, sender] of this.#senders) {
      if (stalled) sender.heardMs = nowMs
      const silentMs = nowMs - sender.heardMs
      if (silentMs <= ACCOUNT_SILENCE_MS) continue
      silence ||= !sender.silent || nowMs - this.#lastDoubtMs >= DOUBT_AGAIN_MS
      sender.silent = true
      if (silentMs > FORGET_MS) this.#senders.delete(name)
    }
    if (silence) this.#doubt('silence')
    else if (nowMs - this.#startedMs > ACCOUNT_SILENCE_MS && !this.heard() && nowMs - this.#lastDoubtMs >= DOUBT_AGAIN_MS) this.#doubt('deaf')
  }

  #doubt(reason: Doubt): void {
    this.#lastDoubtMs = this.#parts.clock.monotonicMs()
    this.#doubts.add(1, { reason })
    this.#parts.log.warn({ reason }, 'word about accounts may have been lost: every session is checked again')
    this.#tell({ kind: 'resync' })
  }

  #tell(change: AccountChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (failure) {
        this.#parts.log.error({ err: failure }, 'a change of an account could not be handled')
      }
    }
  }
}
