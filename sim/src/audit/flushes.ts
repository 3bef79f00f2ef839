import type { MessageId } from '@evegram/protocol'
import type { SimProcess } from '../kernel/process.js'
import { short, type AuditContext } from './ledger.js'
import { eachPacketDelivery, positionKey, type MessageIds } from './wire.js'

/** The packets of one routing: published in one event. */
interface Routing {
  readonly event: number
  lastPacket: number
}

interface NodePackets {
  flushed: number
  /** By message and position. */
  readonly routings: Map<string, Routing[]>
}

/** Rule 7: an ack follows the broker's flush of the packets that carry the message (P10: what a killed node published is not lost with it). */
export class Flushes {
  readonly #context: AuditContext
  readonly #ids: MessageIds
  readonly #nodes = new Map<string, NodePackets>()

  constructor(context: AuditContext, ids: MessageIds) {
    this.#context = context
    this.#ids = ids
  }

  published(node: SimProcess, bytes: Uint8Array, packet: number): void {
    const { routings } = this.#packetsOf(node)
    const { events } = this.#context.run.scheduler
    eachPacketDelivery(bytes, (positionAt, envelopeAt) => {
      const key = this.#ids.of(bytes, envelopeAt) + positionKey(bytes, positionAt)
      const known = routings.get(key)
      const last = known?.at(-1)
      if (last?.event === events) last.lastPacket = packet
      else if (known === undefined) routings.set(key, [{ event: events, lastPacket: packet }])
      else known.push({ event: events, lastPacket: packet })
    })
  }

  flushed(node: SimProcess, packet: number): void {
    const packets = this.#packetsOf(node)
    packets.flushed = Math.max(packets.flushed, packet)
  }

  /**
   * An ack leaves the node for a send that came in event `since`. Of the routings since then one must be with the broker: the same message
   * may be on its way through the node a second time, whose packets this ack does not wait for.
   */
  acked(node: SimProcess, message: MessageId, position: Uint8Array, since: number): void {
    const { run } = this.#context
    const { flushed, routings } = this.#packetsOf(node)
    const own = (routings.get(message + positionKey(position, 0)) ?? []).filter(({ event }) => event >= since)
    if (own.length === 0) return
    run.coverage.count('audit/flush before ack')
    if (own.some(({ lastPacket }) => lastPacket <= flushed)) return
    run.broken('P10', `${node.name} acknowledged message ${short(message)} before the broker had its packet ${String(own[0]?.lastPacket)}`)
  }

  #packetsOf(node: SimProcess): NodePackets {
    const known = this.#nodes.get(node.name)
    if (known !== undefined) return known
    const made: NodePackets = { flushed: -1, routings: new Map() }
    this.#nodes.set(node.name, made)
    return made
  }
}
