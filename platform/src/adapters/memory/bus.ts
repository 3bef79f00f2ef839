import { EvegramError } from '@evegram/protocol'
import { BUS_PACKET_BYTES_MAX, OFFERED_BYTES_MAX, type Bus, type Subject } from '../../bus.js'
import type { Logger } from '../../log.js'

/** Packets that wait for one subscription; beyond it the publisher gets `limited.queue`. */
export const MEMORY_BUS_QUEUE_MAX = 65_536

/** One packet in so many of a queue: what is offered is shed when more than this part of it waits. */
const OFFER_PART = 8

/** Options of {@link MemoryBroker}. */
export interface MemoryBrokerOptions {
  /** Told about handlers that throw; the packets behind are still delivered. */
  readonly log: Logger
  readonly queueMax?: number
  /** Runs a task soon, but not at once. Default: setImmediate. */
  readonly schedule?: (task: () => void) => void
}

/** A broker inside the process: nodes that share one object form a cluster. */
export class MemoryBroker {
  readonly #log: Logger
  readonly #queueMax: number
  readonly #schedule: (task: () => void) => void
  readonly #subscriptions = new Map<Subject, Set<Subscription>>()

  constructor(options: MemoryBrokerOptions) {
    this.#log = options.log
    this.#queueMax = options.queueMax ?? MEMORY_BUS_QUEUE_MAX
    this.#schedule = options.schedule ?? ((task) => { setImmediate(task) })
  }

  /** A connection of one node. */
  connect(): Bus {
    return new MemoryBus(this)
  }

  /** Hands a packet to all subscriptions of `subject`, or to none and throws `limited.queue` when one of them is full. */
  deliver(subject: Subject, bytes: Uint8Array): void {
    const targets = this.#subscriptions.get(subject)
    if (targets === undefined) return
    for (const target of targets) {
      if (target.waiting >= this.#queueMax) {
        throw new EvegramError('limited.queue', { operation: 'publish', details: { queueMax: this.#queueMax } })
      }
    }
    for (const target of targets) target.push(bytes)
  }

  /** Hands a packet to all subscriptions of `subject`, or to none when much waits in one of them. */
  offer(subject: Subject, bytes: Uint8Array): 'offered' | 'shed' {
    const targets = this.#subscriptions.get(subject) ?? []
    for (const target of targets) if (target.waiting >= this.#queueMax / OFFER_PART) return 'shed'
    for (const target of targets) target.push(bytes)
    return 'offered'
  }

  /** Adds a subscription; returns it for removal. */
  attach(subject: Subject, handler: (bytes: Uint8Array) => void): Subscription {
    const subscription = new Subscription(subject, handler, this.#schedule, this.#log)
    const targets = this.#subscriptions.get(subject) ?? new Set()
    this.#subscriptions.set(subject, targets.add(subscription))
    return subscription
  }

  /** Ends a subscription: what waits in it is dropped, as its owner asked. */
  detach(subscription: Subscription): void {
    subscription.end()
    const targets = this.#subscriptions.get(subscription.subject)
    targets?.delete(subscription)
    if (targets?.size === 0) this.#subscriptions.delete(subscription.subject)
  }
}

class Subscription {
  #queue: Uint8Array[] = []
  #planned = false
  #ended = false

  constructor(
    readonly subject: Subject,
    private readonly handler: (bytes: Uint8Array) => void,
    private readonly schedule: (task: () => void) => void,
    private readonly log: Logger,
  ) {}

  get waiting(): number {
    return this.#queue.length
  }

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes)
    if (this.#planned) return
    this.#planned = true
    this.schedule(() => { this.#run() })
  }

  end(): void {
    this.#ended = true
    this.#queue = []
  }

  #run(): void {
    this.#planned = false
    // What handlers publish meanwhile waits for the next turn, so a subscriber that answers itself cannot hold the process.
    const batch = this.#queue
    this.#queue = []
    for (const bytes of batch) {
      if (this.#ended) return
      try {
        this.handler(bytes)
      } catch (failure) {
        this.log.error({ subject: this.subject, err: failure }, 'a bus handler failed')
      }
    }
  }
}

class MemoryBus implements Bus {
  readonly #broker: MemoryBroker
  readonly #own = new Set<Subscription>()
  #closed = false

  constructor(broker: MemoryBroker) {
    this.#broker = broker
  }

  publish(subject: Subject, bytes: Uint8Array): void {
    this.#refuseWhenClosed('publish')
    if (bytes.length > BUS_PACKET_BYTES_MAX) {
      throw new EvegramError('too_large.request', { operation: 'publish', details: { bytesMax: BUS_PACKET_BYTES_MAX } })
    }
    this.#broker.deliver(subject, bytes)
  }

  offer(subject: Subject, bytes: Uint8Array): 'offered' | 'shed' {
    return this.#closed || bytes.length > OFFERED_BYTES_MAX ? 'shed' : this.#broker.offer(subject, bytes)
  }

  async flush(): Promise<void> {
    this.#refuseWhenClosed('flush')
  }

  subscribe(subject: Subject, handler: (bytes: Uint8Array) => void): () => void {
    this.#refuseWhenClosed('subscribe')
    const subscription = this.#broker.attach(subject, handler)
    this.#own.add(subscription)
    return () => {
      this.#own.delete(subscription)
      this.#broker.detach(subscription)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const subscription of this.#own) this.#broker.detach(subscription)
    this.#own.clear()
  }

  #refuseWhenClosed(operation: string): void {
    if (this.#closed) throw new EvegramError('unavailable.bus', { operation })
  }
}
