import type { SimProcess } from '../kernel/process.js'
import { Pipe, type Link, type Parcel } from './pipe.js'
import type { Wire } from './wire.js'

/** Distance of a device and a node, one way. */
const LATENCY_MS = [0.5, 80] as const
/** Speed of a link in bytes per ms: 2 to 100 Mbit/s. */
const SPEED = [250, 12_500] as const
/** Speed of a slow link: 1 to 64 kB/s. */
const SLOW_SPEED = [1, 64] as const

/** What a connection knows of its end at a device. */
export interface DeviceEnd {
  readonly device: SimProcess
  take(parcel: Parcel): void
  /** Nothing passes any more. */
  lost(): void
}

/** What a connection knows of its end at a node. */
export interface NodeEnd {
  take(parcel: Parcel): void
  /** What was held up has left. */
  drained(): void
  /** Nothing passes any more. */
  lost(): void
  /** The other end reads nothing any more. */
  peerLeft(): void
}

/** One connection that a node took: two ends and the ways between them. */
export class Connection {
  /** Unique in the run. */
  readonly number: number
  readonly client: DeviceEnd
  readonly toServer: Pipe
  readonly toClient: Pipe
  readonly #wire: Wire
  readonly #node: SimProcess
  #server: NodeEnd | undefined

  constructor(wire: Wire, number: number, client: DeviceEnd, node: SimProcess) {
    this.#wire = wire
    this.number = number
    this.client = client
    this.#node = node
    const { device } = client
    const latencyMs = wire.random.skewed(LATENCY_MS[0], LATENCY_MS[1])
    const slow = wire.random.chance(wire.faults().slowLink)
    if (slow) wire.run.coverage.count('fault/network.slow link')
    const slowBytesPerMs = slow ? wire.random.skewed(SLOW_SPEED[0], SLOW_SPEED[1]) : undefined
    const slowUp = slow && wire.random.chance(0.25)
    const link = (isSlow: boolean): Link =>
      ({ latencyMs, bytesPerMs: wire.random.skewed(SPEED[0], SPEED[1]), slowBytesPerMs: isSlow ? slowBytesPerMs : undefined })
    const cut = (heard: 'by both' | 'not by both'): void => { this.#cut(heard) }
    this.toServer = new Pipe(wire, link(slowUp), {
      source: device, sink: node, cut, deliver: (parcel) => { this.#server?.take(parcel) }, drained: () => undefined, gaveUp: () => {
        this.sever()
        client.lost()
      },
    })
    this.toClient = new Pipe(wire, link(slow && !slowUp), {
      source: node, sink: device, cut, deliver: (parcel) => { client.take(parcel) }, drained: () => { this.#server?.drained() }, gaveUp: () => {
        this.sever()
        this.#server?.lost()
      },
    })
  }

  /** The end at the node, once it is there. */
  set server(server: NodeEnd) {
    this.#server = server
  }

  /** Everything under way vanishes and nothing passes any more; nobody is told. */
  sever(): void {
    this.toServer.sever()
    this.toClient.sever()
  }

  /** The client reads nothing any more: what is under way to it vanishes, and nothing holds the server's end up. */
  clientLeft(): void {
    this.toServer.rest()
    this.toClient.sever()
    this.#server?.peerLeft()
  }

  /** The process of the client died. */
  clientDied(): void {
    if (this.#diesSilently(this.client.device)) this.sever()
    else this.toServer.reset(this.#wire.random.chance(0.5))
    this.clientLeft()
  }

  /** The process of the node died. */
  serverDied(): void {
    this.toClient.rest()
    if (this.#diesSilently(this.#node)) {
      this.sever()
      return
    }
    // What the kernel had taken is still handed over, or the reset overtakes it.
    this.toClient.reset(this.#wire.random.chance(0.5))
    this.toServer.sever()
  }

  #diesSilently(who: SimProcess): boolean {
    const { run, random, faults } = this.#wire
    const silent = random.chance(faults().silentDeath)
    run.coverage.count(silent ? 'fault/network.silent death' : 'fault/network.reset by death')
    run.note(who.name, `#${this.number} died with it${silent ? ' silently' : ''}`)
    return silent
  }

  #cut(heard: 'by both' | 'not by both'): void {
    const { run, random } = this.#wire
    const told = heard === 'by both' ? 'both' : random.pick(['client', 'server', 'nobody'] as const)
    run.coverage.count(heard === 'by both' ? 'fault/network.reset' : `fault/network.half open, ${told} told`)
    run.note(this.#node.name, `#${this.number} cut, ${told} told`)
    if (told === 'both' || told === 'client') this.toClient.reset(true)
    else this.toClient.sever()
    if (told === 'both' || told === 'server') this.toServer.reset(true)
    else this.toServer.sever()
  }
}
