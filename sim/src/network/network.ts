import type { SocketServer } from '@evegram/engine'
import { LIMITS } from '@evegram/protocol'
import type { SocketEvents, SocketFactory } from '@evegram/sdk/parts'
import type { Observer } from '../audit/observer.js'
import type { SimProcess } from '../kernel/process.js'
import type { Run } from '../kernel/run.js'
import { DeviceSocket } from './device-socket.js'
import type { Meddler } from './meddler.js'
import type { NetworkFaults } from './network-faults.js'
import { NodeSockets } from './node-sockets.js'
import { RawConnection, type RawEvents } from './raw-connection.js'
import { drawMs, type Wire } from './wire.js'

/** Options of {@link SimNetwork}. */
export interface SimNetworkOptions {
  readonly observer: Pick<Observer, 'socketOpened' | 'received' | 'sent' | 'socketClosed'>
  /** Looked at for every decision, so that faults can begin and end. */
  readonly faults: () => NetworkFaults
  /** Whether what machine `from` sends arrives at machine `to` now. */
  readonly reaches: (from: string, to: string) => boolean
  /** Bytes that may wait in a node's socket before its peer is a slow consumer. Default: that of the protocol. */
  readonly outboundBytesMax?: number
  /** Bytes that kernels and network hold before anything waits in a socket. Default 64 KiB. */
  readonly windowBytes?: number
  /** Silence after which a node closes a socket. Default: as a real node is set up. */
  readonly idleTimeoutMs?: number
  /** Sockets of one node. Default 10 000. */
  readonly connectionsMax?: number
  /** The malicious server between the ends. */
  readonly meddler?: Meddler
}

const WINDOW_BYTES = 65_536
/** As the composition root sets it: two heartbeats and a bit. */
const IDLE_TIMEOUT_MS = LIMITS.heartbeatMs * 2 + 5_000
const CONNECTIONS_MAX = 10_000
/** Time of a connect on its way, and of a refusal back. */
const DIAL_MS = [1, 160] as const

/**
 * The network between devices and nodes, and the WebSockets on it, with the promises of both ends' ports and the faults of real networks.
 *
 * - A node's socket: whole messages in order; nothing is dropped on a socket that stays open; `closed` once, before `close` returns.
 * - A device's socket: `onOpen` first, then messages, then one `onClose`, none of them before `open` returned.
 * - A process that died is told nothing and says nothing.
 *
 * The observer must copy bytes that it keeps.
 */
export class SimNetwork {
  readonly #wire: Wire
  readonly #options: SimNetworkOptions
  /** The tier that listens, or once did, on each machine. */
  readonly #listening = new Map<string, NodeSockets>()
  readonly #sockets = new Map<SimProcess, Set<DeviceSocket>>()
  readonly #addresses = new Map<string, string>()
  #connections = 0

  constructor(run: Run, options: SimNetworkOptions) {
    const { faults, reaches, windowBytes = WINDOW_BYTES } = options
    this.#options = options
    this.#wire = { run, random: run.random('network'), faults, reaches, windowBytes }
  }

  /** The socket tier of a node. */
  serverFor(node: SimProcess): SocketServer {
    const {
      observer, meddler, outboundBytesMax = LIMITS.outboundBytesMax, idleTimeoutMs = IDLE_TIMEOUT_MS, connectionsMax = CONNECTIONS_MAX,
    } = this.#options
    return new NodeSockets(node, {
      wire: this.#wire, observer, meddler, outboundBytesMax, idleTimeoutMs, connectionsMax, messageBytesMax: LIMITS.frameBytesMax,
      number: () => ++this.#connections,
      bind: (sockets) => this.#bind(sockets),
      addressOf: (machine) => this.#addressOf(machine),
    })
  }

  /** The sockets of a device. `choose` is the load balancer: names the machine of a node for each connect, `undefined` when there is none. */
  socketsFor(device: SimProcess, choose: () => string | undefined): SocketFactory {
    return { open: (_url, events, messageBytesMax) => this.#dial(device, choose(), events, messageBytesMax) }
  }

  /** A connection from a device to the node on `machine` that speaks whatever its owner likes. */
  rawConnection(device: SimProcess, machine: string, events: RawEvents = {}): RawConnection {
    return new RawConnection((given) => this.#dial(device, machine, given, Number.MAX_SAFE_INTEGER), events)
  }

  /** Sends a message to the client on machine `device` as if from the server, on its newest open connection. False when there is none. */
  inject(device: string, bytes: Uint8Array): boolean {
    let newest: DeviceSocket | undefined
    for (const [process, sockets] of this.#sockets) {
      if (process.machine !== device) continue
      for (const socket of sockets) if (socket.connection !== undefined) newest = socket
    }
    newest?.connection?.toClient.send({ kind: 'binary', bytes: new Uint8Array(bytes) })
    return newest !== undefined
  }

  #dial(device: SimProcess, machine: string | undefined, events: SocketEvents, messageBytesMax: number): DeviceSocket {
    const sockets = this.#socketsOf(device)
    const socket = new DeviceSocket({
      wire: this.#wire, device, events, messageBytesMax, meddler: this.#options.meddler, over: (ended) => { sockets.delete(ended) },
    })
    sockets.add(socket)
    if (!device.alive) {
      socket.died()
      return socket
    }
    const { run, random, faults } = this.#wire
    const { refused, hanging } = faults()
    const drawn = random.unit()
    const fate = drawn < refused ? 'refused' : drawn < refused + hanging ? 'hanging' : 'fine'
    if (fate !== 'fine') run.coverage.count(`fault/network.connect ${fate}`)
    if (fate === 'refused' || machine === undefined) this.#refuse(socket)
    else if (fate === 'fine') run.scheduler.after(drawMs(random, DIAL_MS), () => { this.#knock(socket, machine) })
    return socket
  }

  /** A connect arrives at the machine of a node, or nowhere. */
  #knock(socket: DeviceSocket, machine: string): void {
    const { run, random, faults, reaches } = this.#wire
    const { device } = socket
    if (!reaches(device.machine, machine) || !reaches(machine, device.machine)) {
      run.coverage.count('fault/network.connect into a partition')
      return
    }
    const server = this.#listening.get(machine)
    if (server?.accepting === true) server.node.run(() => { if (!server.accept(socket)) this.#refuse(socket) })
    else if (server?.node.alive === true || !random.chance(faults().silentDeath)) this.#refuse(socket)
    else run.coverage.count('fault/network.connect to the dead')
  }

  #refuse(socket: DeviceSocket): void {
    const { run, random } = this.#wire
    run.scheduler.after(drawMs(random, DIAL_MS), () => { socket.device.run(() => { socket.lost() }) })
  }

  #socketsOf(device: SimProcess): Set<DeviceSocket> {
    const known = this.#sockets.get(device)
    if (known !== undefined) return known
    const sockets = new Set<DeviceSocket>()
    if (!device.alive) return sockets
    this.#sockets.set(device, sockets)
    device.onKilled(() => {
      this.#sockets.delete(device)
      for (const socket of [...sockets]) socket.died()
    })
    return sockets
  }

  #bind(sockets: NodeSockets): boolean {
    const { machine } = sockets.node
    if (this.#listening.get(machine)?.accepting === true) return false
    this.#listening.set(machine, sockets)
    return true
  }

  #addressOf(machine: string): string {
    const known = this.#addresses.get(machine)
    if (known !== undefined) return known
    const number = this.#addresses.size + 1
    const address = `10.0.${number >> 8}.${number & 0xff}`
    this.#addresses.set(machine, address)
    return address
  }
}
