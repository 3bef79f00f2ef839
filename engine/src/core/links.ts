import { subjectOf, withDeadline, type Bus, type Logger, type Subject } from '@evegram/platform'
import { decodePosition, EvegramError, hexOf, type Clock, type ConversationId, type DeviceId, type Position, type Timer } from '@evegram/protocol'
import type { NodeRegistry } from '../ports/node-registry.js'
import { HeaderRing } from './header-ring.js'
import { IncomingLink } from './incoming-link.js'
import type { InFlight } from './in-flight.js'
import type { EngineMetrics } from './metrics.js'
import {
  decodePacketHeader, DELIVERY_HEADER_BYTES, eachDelivery, encodePacket, headersOf, PACKET_HEADER_BYTES, PACKET_KIND, writePacketHeader,
  type PacketHeader,
} from './packet.js'
import type { PositionClock } from './position-clock.js'

/** Interval at which every node tells every other its last number. */
const CONFIRM_MS = 500
/** A peer that was silent for longer, without goodbye, is taken for lost. */
const SILENCE_MS = 2_000
/** A node that gave no sign of life to the registry for this long is no peer any more. */
const PEER_WITHIN_MS = 10_000
/** Nodes whose numbers are remembered, those that are gone included. */
const OUTGOING_MAX = 4_096
/** Time without a broker after which the node is not ready. */
const BROKER_LOST_MS = 2_000

/** What comes in over the links. */
export interface LinkHandlers {
  /** A delivery for a device that may be connected here. The frame is a view into the packet, which nobody changes. */
  delivery(device: DeviceId, packet: Uint8Array, frameStart: number, frameEnd: number): void
  /** A delivery whose packet was lost: it is in the log. */
  missed(device: DeviceId, conversation: ConversationId, position: Position): void
  /** Packets of a peer may be missing and cannot be named: live sessions must catch up. */
  lost(incarnation: number): void
  /** The device connected to another node, with this connection epoch. */
  replaced(device: DeviceId, connectionEpoch: number): void
}

/** What the links need. */
export interface LinkParts {
  readonly clock: Clock
  readonly bus: Bus
  readonly positions: PositionClock
  readonly registry: NodeRegistry
  readonly inFlight: InFlight
  readonly metrics: EngineMetrics
  readonly log: Logger
  readonly handlers: LinkHandlers
}

interface OutgoingLink {
  lastNumber: number
  readonly subject: Subject
  readonly ring: HeaderRing
}

function subjectOfNode(incarnation: number): Subject {
  return subjectOf('evegram', 'engine', 'node', String(incarnation))
}

/**
 * The numbered links between this node and its peers (rule 8).
 * Architecture invariant: `confirmedUntilMs()` never claims a time for which a packet of a node that may still acknowledge is missing.
 */
export class Links {
  readonly #parts: LinkParts
  readonly #incoming = new Map<number, IncomingLink>()
  readonly #outgoing = new Map<number, OutgoingLink>()
  #peers: readonly number[] = []
  #polledUntilMs = 0
  /** When the last successful question for the peers was put, and when something was sent to every peer, on the monotonic clock. */
  #polledMonotonicMs = Number.NEGATIVE_INFINITY
  #broadcastMonotonicMs: number | undefined
  #polling = false
  #flushedMonotonicMs = Number.NEGATIVE_INFINITY
  #tickMonotonicMs = 0
  #timer: Timer | undefined
  #unsubscribe: (() => void) | undefined

  constructor(parts: LinkParts) {
    this.#parts = parts
  }

  /** Subscribes, learns the peers and starts to confirm. Resolved = packets of peers arrive here. Rejects `unavailable.bus`, `unavailable.store`. */
  async start(): Promise<void> {
    const { bus, clock, positions } = this.#parts
    this.#unsubscribe = bus.subscribe(subjectOfNode(positions.incarnation), (packet) => { this.#receive(packet) })
    await bus.flush()
    await this.#poll()
    this.#flushedMonotonicMs = clock.monotonicMs()
    this.#tickMonotonicMs = clock.monotonicMs()
    this.#timer = clock.every(CONFIRM_MS, () => { this.#tick() })
  }

  /** Tells the peers that no more will come, and stops. */
  async leave(): Promise<void> {
    this.#timer?.cancel()
    const { positions } = this.#parts
    for (const [incarnation, link] of this.#outgoing) {
      this.#publish(incarnation, encodePacket({ kind: PACKET_KIND.goodbye, from: positions.incarnation, number: link.lastNumber, last: 0 }))
    }
    try {
      await this.flush()
    } catch (cause) {
      // Peers notice the silence by themselves; leaving must not fail because the broker went first.
      this.#parts.log.warn({ err: cause }, 'the goodbye may not have reached the peers')
    }
    this.#unsubscribe?.()
  }

  /**
   * The peers, for something that may be for sessions of any node. A node that is not among them yet, or is taken for gone, may have such
   * sessions all the same: once it is a peer, it finds a number missing that nobody has, and its sessions catch up.
   */
  everyPeer(): readonly number[] {
    this.#broadcastMonotonicMs = this.#parts.clock.monotonicMs()
    return this.#peers
  }

  /** Whether the broker took everything within the last {@link BROKER_LOST_MS}. */
  brokerHeld(): boolean {
    return this.#parts.clock.monotonicMs() - this.#flushedMonotonicMs <= BROKER_LOST_MS
  }

  /** Everything that any node positioned at or before this time, in ms, has arrived here or was marked for reading. */
  confirmedUntilMs(): number {
    const { inFlight, positions } = this.#parts
    let untilMs = Math.min(this.#polledUntilMs, inFlight.publishedUntilMs(positions.nowMs()))
    for (const link of this.#incoming.values()) {
      if (!(link.left && link.complete) && link.confirmedUntilMs < untilMs) untilMs = link.confirmedUntilMs
    }
    return untilMs
  }

  /**
   * Numbers and publishes a data packet whose first {@link PACKET_HEADER_BYTES} bytes are free. A packet that the broker refuses
   * still has its number, so the receiver notices. Throws `unavailable.bus` or `limited.queue` then.
   */
  publishData(incarnation: number, packet: Buffer): void {
    const link = this.#linkTo(incarnation)
    link.lastNumber++
    writePacketHeader(packet, { kind: PACKET_KIND.data, from: this.#parts.positions.incarnation, number: link.lastNumber, last: 0 })
    link.ring.push(link.lastNumber, headersOf(packet), this.#parts.clock.monotonicMs())
    this.#parts.metrics.packetsOut.add()
    this.#parts.bus.publish(link.subject, packet)
  }

  /** Waits until the broker has everything. Rejects `unavailable.bus`, `timeout`. */
  async flush(): Promise<void> {
    try {
      await withDeadline(this.#parts.clock, BROKER_LOST_MS, 'flush bus', () => this.#parts.bus.flush(), (failure) => { this.#busFailed(failure) })
      this.#flushedMonotonicMs = this.#parts.clock.monotonicMs()
    } catch (cause) {
      this.#busFailed(cause)
      throw new EvegramError('unavailable.bus', { operation: 'flush', cause })
    }
  }

  /** Tells the node `incarnation` that the device is connected elsewhere now. Best effort: presence decides. */
  announceReplaced(incarnation: number, device: DeviceId, connectionEpoch: number): void {
    const header: PacketHeader = { kind: PACKET_KIND.replaced, from: this.#parts.positions.incarnation, number: 0, last: connectionEpoch }
    this.#publish(incarnation, encodePacket(header, Buffer.from(device, 'hex')))
  }

  #linkTo(incarnation: number): OutgoingLink {
    let link = this.#outgoing.get(incarnation)
    if (link === undefined) {
      link = { lastNumber: 0, subject: subjectOfNode(incarnation), ring: new HeaderRing() }
      this.#outgoing.set(incarnation, link)
    }
    return link
  }

  #publish(incarnation: number, packet: Uint8Array): void {
    try {
      this.#parts.bus.publish(this.#linkTo(incarnation).subject, packet)
    } catch (cause) {
      // Confirmations and questions are repeated by the clock: a lost one costs time, not truth.
      this.#busFailed(cause)
    }
  }

  #busFailed(cause: unknown): void {
    this.#parts.metrics.busFailures.add()
    this.#parts.log.warn({ err: cause }, 'the broker did not take what was published')
  }

  #receive(packet: Uint8Array): void {
    const { metrics, handlers, positions, clock } = this.#parts
    let header: PacketHeader
    try {
      header = decodePacketHeader(packet)
    } catch {
      // A packet of a faulty or newer node: counted; its number stays missing and is asked for.
      metrics.packetsMalformed.add()
      return
    }
    if (header.from === positions.incarnation) return
    const nowMs = clock.monotonicMs()
    const link = this.#linkFrom(header.from, nowMs)
    link.heardMs = nowMs
    link.silent = false
    switch (header.kind) {
      case PACKET_KIND.data: return this.#receiveData(link, header, packet)
      case PACKET_KIND.confirm:
        link.confirm(header.number, header.last)
        return this.#ask(link, nowMs)
      case PACKET_KIND.ask: return this.#answer(header)
      case PACKET_KIND.headers: return this.#receiveHeaders(link, header, packet)
      case PACKET_KIND.cannot:
        link.resolve(header.number, header.last)
        return this.#lost(link.incarnation)
      case PACKET_KIND.goodbye:
        link.confirm(header.number, 0)
        link.left = true
        return this.#ask(link, nowMs)
      case PACKET_KIND.replaced:
        if (packet.length === PACKET_HEADER_BYTES + 16) handlers.replaced(deviceAt(packet, PACKET_HEADER_BYTES), header.last)
        return
      default: return header.kind satisfies never
    }
  }

  #receiveData(link: IncomingLink, header: PacketHeader, packet: Uint8Array): void {
    const { metrics, handlers, clock } = this.#parts
    metrics.packetsIn.add()
    try {
      eachDelivery(packet, (at, frameStart, frameEnd) => { handlers.delivery(deviceAt(packet, at), packet, frameStart, frameEnd) })
      link.arrived(header.number)
    } catch (cause) {
      // The number is not marked as arrived: the gap is asked for, and what was in it is read from the log.
      metrics.packetsMalformed.add()
      this.#parts.log.error({ err: cause, from: header.from }, 'a data packet could not be handled')
    }
    if (!link.complete) this.#ask(link, clock.monotonicMs())
  }

  #receiveHeaders(link: IncomingLink, header: PacketHeader, packet: Uint8Array): void {
    for (let at = PACKET_HEADER_BYTES; at + DELIVERY_HEADER_BYTES <= packet.length; at += DELIVERY_HEADER_BYTES) {
      // 16 bytes of hex are a conversation id by definition.
      const conversation = hexOf(packet, at + 32, at + 48) as ConversationId
      this.#parts.handlers.missed(deviceAt(packet, at), conversation, decodePosition(packet.subarray(at + 16, at + 32)))
    }
    link.resolve(header.number, header.last)
  }

  /** Answers a peer that misses packets of ours. */
  #answer({ from, number, last }: PacketHeader): void {
    const headers = this.#linkTo(from).ring.between(number, last)
    const kind = headers === undefined ? PACKET_KIND.cannot : PACKET_KIND.headers
    this.#publish(from, encodePacket({ kind, from: this.#parts.positions.incarnation, number, last }, headers))
  }

  #ask(link: IncomingLink, nowMs: number): void {
    const { ask, lost } = link.questions(nowMs)
    for (const { first, last } of ask) {
      this.#parts.metrics.linkGaps.add()
      this.#publish(link.incarnation, encodePacket({ kind: PACKET_KIND.ask, from: this.#parts.positions.incarnation, number: first, last }))
    }
    if (lost) this.#lost(link.incarnation)
  }

  #lost(incarnation: number): void {
    this.#parts.metrics.linkLosses.add()
    this.#parts.log.warn({ peer: incarnation }, 'packets of a peer may be missing: live sessions catch up')
    this.#parts.handlers.lost(incarnation)
  }

  #linkFrom(incarnation: number, nowMs: number): IncomingLink {
    let link = this.#incoming.get(incarnation)
    if (link === undefined) this.#incoming.set(incarnation, link = new IncomingLink(incarnation, nowMs))
    return link
  }

  #tick(): void {
    const { clock, positions, inFlight } = this.#parts
    const nowMs = clock.monotonicMs()
    // After a gap of our own, what peers sent meanwhile waits unread: their silence is not theirs.
    const stalled = nowMs - this.#tickMonotonicMs > 2 * CONFIRM_MS
    this.#tickMonotonicMs = nowMs
    for (const peer of this.#peers) {
      const link = this.#linkTo(peer)
      link.ring.trim(nowMs)
      this.#publish(peer, encodePacket({
        kind: PACKET_KIND.confirm, from: positions.incarnation, number: link.lastNumber,
        last: Math.max(0, Math.floor(inFlight.publishedUntilMs(positions.nowMs()))),
      }))
    }
    for (const link of this.#incoming.values()) {
      if (stalled) link.heardMs = nowMs
      this.#ask(link, nowMs)
      if (!link.left && !link.silent && nowMs - link.heardMs > SILENCE_MS) {
        link.silent = true
        this.#lost(link.incarnation)
      }
    }
    // The failure was counted; readiness shows it when it lasts.
    this.flush().catch(() => undefined)
    void this.#poll()
  }

  /** Asks the registry who is up. A failure leaves the old list; cursors wait, since the list is as of an older time. */
  async #poll(): Promise<void> {
    if (this.#polling) return
    this.#polling = true
    const { registry, positions, clock, log } = this.#parts
    const askedMs = positions.nowMs()
    const askedMonotonicMs = clock.monotonicMs()
    try {
      const up = await withDeadline(clock, SILENCE_MS, 'list peers', () => registry.peers(PEER_WITHIN_MS))
      const before = new Set(this.#peers)
      this.#peers = up.filter((incarnation) => incarnation !== positions.incarnation)
      this.#polledUntilMs = askedMs
      // Who is new said so for the first time after the last question: what was sent to everybody since then did not go there.
      if (this.#broadcastMonotonicMs !== undefined && this.#broadcastMonotonicMs > this.#polledMonotonicMs) {
        for (const peer of this.#peers) {
          if (!before.has(peer)) this.#linkTo(peer).lastNumber++
        }
      }
      this.#polledMonotonicMs = askedMonotonicMs
      this.#follow(clock.monotonicMs())
    } catch (cause) {
      log.warn({ err: cause }, 'the registry did not name the peers')
    } finally {
      this.#polling = false
    }
  }

  /**
   * A node that only seemed gone may come back and go on counting, so its numbers are kept; the headers are not. One number is left out for
   * all that went to every peer but this one.
   */
  #retire(incarnation: number, left: boolean): void {
    const link = this.#outgoing.get(incarnation)
    this.#outgoing.delete(incarnation)
    if (link === undefined || left) return
    this.#outgoing.set(incarnation, { ...link, lastNumber: link.lastNumber + 1, ring: new HeaderRing() })
    const [oldest] = this.#outgoing.keys()
    if (this.#outgoing.size > OUTGOING_MAX && oldest !== undefined) this.#outgoing.delete(oldest)
  }

  #follow(nowMs: number): void {
    const up = new Set(this.#peers)
    for (const peer of up) this.#linkFrom(peer, nowMs)
    for (const [incarnation, link] of this.#incoming) {
      if (up.has(incarnation)) continue
      if (link.left && !link.complete) continue
      this.#incoming.delete(incarnation)
      this.#retire(incarnation, link.left)
      // The registry has not heard of it for long enough that it cannot acknowledge any more: one catch-up now covers all it did.
      if (!link.left) this.#lost(incarnation)
    }
  }
}

function deviceAt(bytes: Uint8Array, offset: number): DeviceId {
  // 16 bytes of hex are a device id by definition.
  return hexOf(bytes, offset, offset + 16) as DeviceId
}
