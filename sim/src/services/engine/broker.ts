import type { Subject } from '@evegram/platform'
import type { SimRandom } from '../../kernel/random.js'
import type { Run } from '../../kernel/run.js'
import { ENGINE_TIMES, type EngineTimes } from './engine-faults.js'
import { ServiceCaller, type EngineStoreOptions } from './service-caller.js'

/** What the broker knows of one connection. */
export interface Subscriber {
  /** A packet came to where the node is. */
  deliver(packet: Packet): void
}

/** A packet on its way. */
export interface Packet {
  readonly subject: Subject
  readonly bytes: Uint8Array
}

/** Start of the subjects on which nodes publish posts. */
const CHANNEL_SUBJECTS = 'evegram.channel.'

interface Line {
  readonly subjects: Set<Subject>
  waiting: Packet[]
}

/** The broker between the nodes: gives each packet to the connections that subscribed before, in the order in which it came, and keeps nothing. */
export class SimBroker {
  readonly service: ServiceCaller
  readonly options: EngineStoreOptions
  readonly run: Run
  readonly random: SimRandom
  readonly #lines = new Map<Subscriber, Line>()
  #lastPacket = 0

  constructor(run: Run, options: EngineStoreOptions) {
    this.run = run
    this.options = options
    this.random = run.random('stores/broker')
    this.service = new ServiceCaller(run, 'broker', options)
  }

  /** Times that hold now. */
  get times(): EngineTimes {
    return this.options.times?.() ?? ENGINE_TIMES[this.options.personality]
  }

  /** The number of the next packet of the run. */
  nextPacket(): number {
    return ++this.#lastPacket
  }

  /** Packets of the subject go to this connection from now on. */
  subscribe(subscriber: Subscriber, subject: Subject): void {
    let line = this.#lines.get(subscriber)
    if (line === undefined) this.#lines.set(subscriber, line = { subjects: new Set(), waiting: [] })
    line.subjects.add(subject)
  }

  /** And from now on no more. */
  unsubscribe(subscriber: Subscriber, subject: Subject): void {
    this.#lines.get(subscriber)?.subjects.delete(subject)
  }

  /** The connection is gone, with what waited for it. */
  disconnected(subscriber: Subscriber): void {
    const line = this.#lines.get(subscriber)
    if (line !== undefined) line.waiting = []
    this.#lines.delete(subscriber)
  }

  /** Takes a packet. */
  take(packet: Packet): void {
    for (const [subscriber, line] of this.#lines) if (line.subjects.has(packet.subject)) this.#send(subscriber, line, packet)
  }

  #send(subscriber: Subscriber, line: Line, packet: Packet): void {
    const { lost, duplicated, reordered } = this.options.faults().packets
    const drawn = this.random.unit()
    if (drawn < lost) {
      if (packet.subject.startsWith(CHANNEL_SUBJECTS)) this.run.coverage.count('fault/post packet lost')
      return this.#count('lost')
    }
    if (drawn < lost + duplicated) {
      this.#count('duplicated')
      this.#sendLater(subscriber, line, packet)
    } else if (drawn < lost + duplicated + reordered) {
      this.#count('reordered')
      return this.#sendLater(subscriber, line, packet)
    }
    line.waiting.push(packet)
    // What comes until then goes along in the same event, in order.
    if (line.waiting.length > 1) return
    const [from, to] = this.times.packetMs
    this.run.scheduler.after(this.random.skewed(from, to), () => {
      const packets = line.waiting
      line.waiting = []
      for (const one of packets) subscriber.deliver(one)
    })
  }

  #sendLater(subscriber: Subscriber, line: Line, packet: Packet): void {
    const [from, to] = this.times.packetDelayMs
    this.run.scheduler.after(this.random.skewed(from, to), () => { if (this.#lines.get(subscriber) === line) subscriber.deliver(packet) })
  }

  #count(fault: string): void {
    this.run.coverage.count(`fault/packet ${fault}`)
  }
}
