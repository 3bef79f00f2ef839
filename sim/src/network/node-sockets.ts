import { Topics, type SocketHandlers, type SocketServer } from '@evegram/engine'
import { EvegramError, type Timer } from '@evegram/protocol'
import type { Observer } from '../audit/observer.js'
import type { SimProcess } from '../kernel/process.js'
import { Connection } from './connection.js'
import type { DeviceSocket } from './device-socket.js'
import type { Meddler } from './meddler.js'
import { NodeSocket } from './node-socket.js'
import type { Wire } from './wire.js'

/** What the {@link NodeSockets} of a network share. */
export interface NodeSocketsParts {
  readonly wire: Wire
  readonly observer: Pick<Observer, 'socketOpened' | 'received' | 'sent' | 'socketClosed'>
  readonly meddler: Meddler | undefined
  readonly messageBytesMax: number
  readonly outboundBytesMax: number
  readonly idleTimeoutMs: number
  readonly connectionsMax: number
  /** A number for a connection, unique in the run. */
  number(): number
  /** Takes the port of the machine; false when another program that lives has it. */
  bind(sockets: NodeSockets): boolean
  addressOf(machine: string): string
}

/** Port of every node, each on a machine of its own. */
const PORT = 443
/** Looks for silent peers within one idle timeout. */
const SWEEPS_PER_TIMEOUT = 4

/** The socket tier of one node process. */
export class NodeSockets implements SocketServer {
  readonly description = 'virtual because the network is simulated'
  readonly node: SimProcess
  readonly #parts: NodeSocketsParts
  readonly #open = new Set<NodeSocket>()
  readonly #topics = new Topics<NodeSocket>()
  #handlers: SocketHandlers | undefined
  #sweeper: Timer | undefined
  #lastId = 0

  constructor(node: SimProcess, parts: NodeSocketsParts) {
    this.node = node
    this.#parts = parts
  }

  /** Whether a connect is answered. */
  get accepting(): boolean {
    return this.node.alive && this.#handlers !== undefined
  }

  async listen(handlers: SocketHandlers): Promise<number> {
    if (!this.#parts.bind(this)) throw new EvegramError('invalid.config', { operation: 'listen for WebSockets', advice: `Port ${PORT} of ${this.node.machine} is taken.` })
    const { idleTimeoutMs } = this.#parts
    this.#handlers = handlers
    this.#sweeper = this.node.clock.every(idleTimeoutMs / SWEEPS_PER_TIMEOUT, () => { this.#closeIdle() })
    this.node.onKilled(() => { for (const socket of [...this.#open]) socket.died() })
    return PORT
  }

  publish(topic: string, message: Uint8Array): void {
    this.#topics.publish(topic, message)
  }

  stopAccepting(): void {
    this.#handlers = undefined
  }

  async close(): Promise<void> {
    this.stopAccepting()
    this.#sweeper?.cancel()
    for (const socket of [...this.#open]) socket.close('draining')
  }

  /** Takes the connect of a device; false when it is refused. */
  accept(client: DeviceSocket): boolean {
    const { wire, observer, connectionsMax } = this.#parts
    const handlers = this.#handlers
    if (handlers === undefined || this.#open.size >= connectionsMax) return false
    const connection = new Connection(wire, this.#parts.number(), client, this.node)
    const { machine } = client.device
    const socket = new NodeSocket({
      ...this.#parts, node: this.node, connection, handlers, id: ++this.#lastId, remoteAddress: this.#parts.addressOf(machine),
      topics: this.#topics,
      over: (ended) => {
        this.#open.delete(ended)
        this.#topics.forget(ended)
      },
    })
    connection.server = socket
    this.#open.add(socket)
    wire.run.note(this.node.name, `#${connection.number} opened ${client.device.name}`)
    connection.toClient.send({ kind: 'opened' })
    if (!client.attach(connection)) wire.run.coverage.count('fault/network.opened for nobody')
    observer.socketOpened(this.node, socket.id)
    handlers.opened(socket)
    return true
  }

  #closeIdle(): void {
    const silentSinceMs = this.node.clock.monotonicMs() - this.#parts.idleTimeoutMs
    for (const socket of [...this.#open]) {
      if (socket.heardMonotonicMs >= silentSinceMs) continue
      this.#parts.wire.run.coverage.count('branch/network.idle')
      socket.close('idle')
    }
  }
}
