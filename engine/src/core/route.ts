import { withDeadline, type Logger } from '@evegram/platform'
import { ALL_DEVICES, BODY_TYPE, bytesOfHex, ENVELOPE_KIND, EvegramError, type AccountId, type BodySlice, type Clock, type ConversationId, type DeviceId } from '@evegram/protocol'
import type { Interest } from '../ports/interest.js'
import type { Presence, PresenceEntry } from '../ports/presence.js'
import type { ConversationLease } from './conversations.js'
import { deliveryBytes, writeDelivery } from './delivery.js'
import type { Links } from './links.js'
import type { EngineMetrics } from './metrics.js'
import { PACKET_BYTES_SOFT_MAX, PACKET_HEADER_BYTES } from './packet.js'
import type { PendingSend } from './pending-send.js'
import type { Sessions } from './sessions.js'
import type { Wakes } from './wakes.js'

/** Time for a presence lookup; without an answer the batch goes to every node. */
export const PRESENCE_TIMEOUT_MS = 1_000
/** After a failure presence is not asked for this long, so that sends do not wait for its timeout one after the other. */
const PRESENCE_PAUSE_MS = 500

/** What routing needs. */
export interface RouterParts {
  readonly clock: Clock
  readonly presence: Presence
  readonly interest: Interest
  readonly links: Links
  readonly sessions: Sessions
  readonly incarnation: number
  /** Who is told of devices that are connected nowhere; absent where nobody is woken. */
  readonly wakes?: Pick<Wakes, 'missed'> | undefined
  readonly metrics: EngineMetrics
  readonly log: Logger
}

/** Where the recipients of a batch are. */
interface Whereabouts {
  /** Devices of the members of conversations that are not wide. */
  readonly entries: readonly PresenceEntry[]
  /** Nodes with live members of the wide ones. */
  readonly interested: ReadonlyMap<ConversationId, readonly number[]>
}

/** Carries stored envelopes to the nodes and sockets of their recipients (rule 7). */
export class Router {
  readonly #parts: RouterParts
  /** Devices without a session here that the batch has something for, and whose it is; empty but for the moment of a routing. */
  readonly #away = new Map<DeviceId, AccountId>()
  #presencePausedUntilMs = 0
  #presenceAnsweredMonotonicMs: number

  constructor(parts: RouterParts) {
    this.#parts = parts
    this.#presenceAnsweredMonotonicMs = parts.clock.monotonicMs()
  }

  /**
   * One presence lookup for the batch, then its deliveries: to sockets of this node at once, to each other node in one packet. A wide conversation is one
   * key, and what is for all its members goes to each node with live ones once.
   * Resolves when everything was published, with the broker's flush that an ack waits for (undefined when nothing left this node).
   * Rejects `unavailable.bus` or `limited.queue` after every packet that could be published was.
   */
  async route(sends: readonly PendingSend[]): Promise<{ readonly flushed: Promise<void> } | undefined> {
    const whereabouts = await this.#lookup(sends)
    for (const send of sends) eachRecipient(send, this.#deliverHere)
    if (this.#away.size > 0) this.#tellMissed(whereabouts)
    const packets = whereabouts === undefined ? this.#packetsForAll(sends) : this.#packetsFor(sends, whereabouts)
    if (packets === undefined) return undefined
    this.#publish(packets)
    return { flushed: this.#parts.links.flush() }
  }

  /** When presence last answered anything, on the monotonic clock. */
  get presenceAnsweredMonotonicMs(): number {
    return this.#presenceAnsweredMonotonicMs
  }

  /** Notes that presence answered a request made elsewhere. */
  presenceAnswered(): void {
    this.#presenceAnsweredMonotonicMs = this.#parts.clock.monotonicMs()
  }

  async #lookup(sends: readonly PendingSend[]): Promise<Whereabouts | undefined> {
    const { clock, metrics, log } = this.#parts
    if (clock.monotonicMs() < this.#presencePausedUntilMs) return undefined
    try {
      const whereabouts = await withDeadline(clock, PRESENCE_TIMEOUT_MS, 'look up presence', () => this.#whereabouts(sends))
      this.presenceAnswered()
      return whereabouts
    } catch (cause) {
      metrics.presenceFailures.add()
      this.#presencePausedUntilMs = clock.monotonicMs() + PRESENCE_PAUSE_MS
      log.warn({ err: cause }, 'presence does not answer: packets go to every node')
      return undefined
    }
  }

  async #whereabouts(sends: readonly PendingSend[]): Promise<Whereabouts> {
    const { presence, interest } = this.#parts
    const { accounts, wide } = addresseesOf(sends)
    const [entries, nodes] = await Promise.all([
      accounts.length === 0 ? [] : presence.lookup(accounts), wide.length === 0 ? [] : interest.lookup(wide),
    ])
    return { entries, interested: new Map(wide.map((conversation, index) => [conversation, nodes[index] ?? []])) }
  }

  readonly #deliverHere = (device: DeviceId, send: PendingSend, body: BodySlice): void => {
    const session = this.#parts.sessions.ofDevice(device)
    if (session !== undefined) session.deliver(send.envelope.conversation, send.position, send.bytes, body)
    // Control traffic shows nothing to anybody: no reason to wake.
    else if (this.#parts.wakes !== undefined && send.envelope.kind !== ENVELOPE_KIND.control) this.#noteAway(device, send.envelope.account)
  }

  /** Of several senders the one that is kept is not the account of the device, if any is not. */
  #noteAway(device: DeviceId, sender: AccountId): void {
    const noted = this.#away.get(device)
    if (noted === undefined) this.#away.set(device, sender)
    else if (noted !== sender) this.#parts.wakes?.missed(device, sender)
  }

  /** Who is connected to another node misses nothing. Without an answer of presence, and in wide conversations, that is found out later. */
  #tellMissed(whereabouts: Whereabouts | undefined): void {
    for (const { device } of whereabouts?.entries ?? []) this.#away.delete(device)
    for (const [device, sender] of this.#away) this.#parts.wakes?.missed(device, sender)
    this.#away.clear()
  }

  /** A packet that the broker refuses does not keep the others back; the first refusal is thrown in the end. */
  #publish(packets: ReadonlyMap<number, PacketWriter>): void {
    const failures: unknown[] = []
    for (const [incarnation, writer] of packets) {
      for (const packet of writer.packets()) {
        try {
          this.#parts.links.publishData(incarnation, packet)
        } catch (failure) {
          failures.push(failure)
        }
      }
    }
    if (failures.length === 0) return
    this.#parts.metrics.busFailures.add(failures.length)
    throw failures[0] instanceof EvegramError ? failures[0] : new EvegramError('unavailable.bus', { operation: 'publish', cause: failures[0] })
  }

  /** Packets for the nodes that have a recipient. */
  #packetsFor(sends: readonly PendingSend[], { entries, interested }: Whereabouts): Map<number, PacketWriter> | undefined {
    let remote: Map<DeviceId, number> | undefined
    for (const entry of entries) {
      if (entry.incarnation !== this.#parts.incarnation) (remote ??= new Map()).set(entry.device, entry.incarnation)
    }
    if (remote === undefined && interested.size === 0) return undefined
    const packets = new Map<number, PacketWriter>()
    for (const send of sends) {
      const nodes = send.lease?.wide === true ? interested.get(send.envelope.conversation) : undefined
      if (nodes !== undefined) {
        for (const incarnation of nodes) if (incarnation !== this.#parts.incarnation) addForNode(writerOf(packets, incarnation), send)
        continue
      }
      if (remote === undefined) continue
      eachRecipient(send, (device, _, body) => {
        const incarnation = remote.get(device)
        if (incarnation !== undefined) writerOf(packets, incarnation).add(device, send, body)
      })
    }
    return packets.size === 0 ? undefined : packets
  }

  /** Packets for every node: each takes what is for its own sockets. */
  #packetsForAll(sends: readonly PendingSend[]): Map<number, PacketWriter> | undefined {
    const { links, metrics } = this.#parts
    metrics.broadcasts.add()
    const peers = links.everyPeer()
    if (peers.length === 0) return undefined
    const packets = new Map<number, PacketWriter>()
    for (const incarnation of peers) {
      const writer = writerOf(packets, incarnation)
      for (const send of sends) addForNode(writer, send)
    }
    return packets
  }
}

/** Every device that is to get a body of the envelope: not the sender, and not the devices that the sender skipped. */
function eachRecipient(send: PendingSend, each: (device: DeviceId, send: PendingSend, body: BodySlice) => void): void {
  for (const body of send.envelope.bodies) {
    if (body.type === BODY_TYPE.skip) continue
    if (body.device !== ALL_DEVICES) {
      if (body.device !== send.envelope.device) each(body.device, send, body)
      continue
    }
    for (const device of send.lease?.devices ?? []) {
      if (device !== send.envelope.device && !namesDevice(send, device)) each(device, send, body)
    }
  }
}

/** A device that has a body of its own does not also get the one for all. */
function namesDevice(send: PendingSend, device: DeviceId): boolean {
  return send.envelope.bodies.some((body) => body.device === device)
}

/** Whose presence and which interest a batch needs. */
function addresseesOf(sends: readonly PendingSend[]): { readonly accounts: readonly AccountId[]; readonly wide: readonly ConversationId[] } {
  const leases = new Set<ConversationLease>()
  for (const { lease } of sends) if (lease !== undefined) leases.add(lease)
  const accounts = new Set<AccountId>()
  const wide = new Set<ConversationId>()
  for (const lease of leases) {
    if (lease.wide) wide.add(lease.conversation)
    else for (const member of lease.members) accounts.add(member)
  }
  return { accounts: [...accounts], wide: [...wide] }
}

/**
 * Writes what a node gets of an envelope without looking who is there. The body for all members of a wide conversation goes once: the node knows
 * their sessions. Not so when some devices have a body of their own beside it, as then it is not for those.
 */
function addForNode(writer: PacketWriter, send: PendingSend): void {
  const [only, ...others] = send.envelope.bodies
  if (send.lease?.wide === true && only?.device === ALL_DEVICES && only.type !== BODY_TYPE.skip && others.length === 0) writer.add(ALL_DEVICES, send, only)
  else eachRecipient(send, (device, _, body) => { writer.add(device, send, body) })
}

function writerOf(packets: Map<number, PacketWriter>, incarnation: number): PacketWriter {
  let writer = packets.get(incarnation)
  if (writer === undefined) packets.set(incarnation, writer = new PacketWriter())
  return writer
}

/** Deliveries for one node: ready `deliver` frames, each behind the id of its device; split where a packet would grow too large. */
class PacketWriter {
  #full: Buffer[] = []
  #bytes = Buffer.allocUnsafe(4_096)
  #length = PACKET_HEADER_BYTES

  add(device: DeviceId, send: PendingSend, body: BodySlice): void {
    const wanted = 16 + deliveryBytes(body)
    if (this.#length > PACKET_HEADER_BYTES && this.#length + wanted > PACKET_BYTES_SOFT_MAX) this.#close()
    if (this.#length + wanted > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + wanted))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    this.#bytes.set(bytesOfHex(device), this.#length)
    this.#length = writeDelivery(this.#bytes, this.#length + 16, send.position, send.bytes, body)
  }

  /** What was added, with the room for a packet header in front of each. */
  packets(): readonly Buffer[] {
    this.#close()
    return this.#full
  }

  #close(): void {
    if (this.#length > PACKET_HEADER_BYTES) this.#full.push(this.#bytes.subarray(0, this.#length))
    this.#bytes = Buffer.allocUnsafe(4_096)
    this.#length = PACKET_HEADER_BYTES
  }
}
