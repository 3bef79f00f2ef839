import { BUS_PACKET_BYTES_MAX, OFFERED_BYTES_MAX, type Bus, type Subject } from '@evegram/platform'
import { EvegramError, type Timer } from '@evegram/protocol'
import type { SimProcess } from '../../kernel/process.js'
import type { Packet, SimBroker, Subscriber } from './broker.js'

/** Packets that wait in one node for the broker; beyond it `publish` throws `limited.queue`. */
export const OUTGOING_PACKETS_MAX = 4_096
/** And from so many on what is offered is shed. */
const OFFER_PACKETS_MAX = OUTGOING_PACKETS_MAX / 8
/** The outgoing buffer goes to the broker by itself this many latencies after something came into it, unless a flush takes it along before. */
const PUMP_LATENCIES = 2
/** A connection that cannot hand over anything for this long is broken, in ms. */
const STUCK_MS_MAX = 5_000

type Outgoing =
  /** Without `id`: it was offered, and is nobody's loss. */
  | { readonly kind: 'packet'; readonly packet: Packet; readonly id?: number }
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly subject: Subject }

/**
 * The connection of one program to the broker, as of a client of core NATS: one ordered stream each way. When it breaks, what was not handed over
 * is lost and the subscriptions are gone until it is connected again; a flush that would cover something lost rejects. Ends with its program.
 */
export class SimBus implements Bus {
  readonly #node: SimProcess
  readonly #broker: SimBroker
  readonly #handlers = new Map<Subject, Set<(bytes: Uint8Array) => void>>()
  readonly #subscriber: Subscriber
  #outgoing: Outgoing[] = []
  #pump: Timer | undefined
  #stuckSinceMs: number | undefined
  /** `breaking`: it is broken and the node has not noticed. */
  #state: 'connected' | 'breaking' | 'broken' | 'closed' = 'connected'
  /** Something was lost that no flush has told of. */
  #lost = false
  #breaks = 0

  constructor(node: SimProcess, broker: SimBroker) {
    this.#node = node
    this.#broker = broker
    this.#subscriber = { deliver: (packet) => { this.#deliver(packet) } }
    node.onKilled(() => { this.#end() })
  }

  publish(subject: Subject, bytes: Uint8Array): void {
    if (this.#state === 'closed' || this.#state === 'broken') throw unavailable('publish')
    if (bytes.length > BUS_PACKET_BYTES_MAX) throw new EvegramError('too_large.request', { operation: 'publish', details: { bytesMax: BUS_PACKET_BYTES_MAX } })
    if (this.#outgoing.length >= OUTGOING_PACKETS_MAX) throw new EvegramError('limited.queue', { operation: 'publish', details: { queueMax: OUTGOING_PACKETS_MAX } })
    const { options, random } = this.#broker
    const id = this.#broker.nextPacket()
    options.observer.published(this.#node, subject, bytes, id)
    this.#push({ kind: 'packet', packet: { subject, bytes }, id })
    if (random.chance(options.faults().packets.broken)) this.break()
  }

  offer(subject: Subject, bytes: Uint8Array): 'offered' | 'shed' {
    if (this.#state === 'closed' || this.#state === 'broken' || bytes.length > OFFERED_BYTES_MAX || this.#outgoing.length >= OFFER_PACKETS_MAX) {
      this.#broker.run.coverage.count('fault/offer shed')
      return 'shed'
    }
    this.#push({ kind: 'packet', packet: { subject, bytes } })
    return 'offered'
  }

  async flush(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'broken') throw unavailable('flush')
    if (this.#lost) {
      this.#lost = false
      throw unavailable('flush')
    }
    // On a connection that is breaking nothing is handed over any more, whenever it is connected again.
    const breaks = this.#state === 'connected' ? this.#breaks : undefined
    await this.#broker.service.call(this.#node, 'flush', () => {
      if (this.#breaks !== breaks || this.#state !== 'connected') throw unavailable('flush')
      this.#handOver()
    })
  }

  subscribe(subject: Subject, handler: (bytes: Uint8Array) => void): () => void {
    if (this.#state === 'closed') throw unavailable('subscribe')
    // Each call is a subscription of its own, also with a handler that is subscribed already.
    const own = (bytes: Uint8Array): void => { handler(bytes) }
    const handlers = this.#handlers.get(subject)
    if (handlers === undefined) {
      this.#handlers.set(subject, new Set([own]))
      this.#push({ kind: 'subscribe', subject })
    } else handlers.add(own)
    return () => { this.#unsubscribe(subject, own) }
  }

  async close(): Promise<void> {
    this.#end()
  }

  /** Breaks the connection now; the node notices a while later, and is connected again after another. */
  break(): void {
    if (this.#state !== 'connected') return
    const { run, random, times } = this.#broker
    run.coverage.count('fault/bus connection broken')
    run.note(this.#node.name, 'bus connection breaks')
    this.#state = 'breaking'
    this.#breaks++
    this.#broker.disconnected(this.#subscriber)
    run.scheduler.after(random.skewed(...times.breakNoticedMs), () => { this.#noticeBreak() })
  }

  #noticeBreak(): void {
    if (this.#state !== 'breaking') return
    const { run, random, times } = this.#broker
    this.#state = 'broken'
    const packets = this.#outgoing.filter((one) => one.kind === 'packet' && one.id !== undefined).length
    if (packets > 0) {
      this.#lost = true
      run.coverage.count('fault/bus packets lost with their connection', packets)
    }
    this.#clear()
    run.scheduler.after(random.skewed(...times.reconnectMs), () => { this.#reconnect() })
  }

  #reconnect(): void {
    if (this.#state !== 'broken') return
    const { run, random, times, options } = this.#broker
    if (!options.reaches(this.#node, 'broker')) {
      run.scheduler.after(random.skewed(...times.reconnectMs), () => { this.#reconnect() })
      return
    }
    run.note(this.#node.name, 'bus connected again')
    this.#state = 'connected'
    for (const subject of this.#handlers.keys()) this.#push({ kind: 'subscribe', subject })
  }

  #push(outgoing: Outgoing): void {
    if (this.#state === 'broken') return
    this.#outgoing.push(outgoing)
    if (this.#outgoing.length === 1 && this.#state === 'connected') this.#planPump()
  }

  #planPump(): void {
    const { run, random, times } = this.#broker
    const [from, to] = times.services.broker.latencyMs
    this.#pump?.cancel()
    this.#pump = run.scheduler.after(random.skewed(from, to) * PUMP_LATENCIES, () => { this.#runPump() })
  }

  /** Hands over what waits; while the broker cannot be reached it waits on, until the connection counts as broken. */
  #runPump(): void {
    if (this.#state !== 'connected' || this.#outgoing.length === 0) return
    const { run, options } = this.#broker
    if (options.reaches(this.#node, 'broker')) return this.#handOver()
    this.#stuckSinceMs ??= run.nowMs
    if (run.nowMs - this.#stuckSinceMs > STUCK_MS_MAX) return this.break()
    this.#pump = run.scheduler.after(STUCK_MS_MAX / 10, () => { this.#runPump() })
  }

  /** The broker has everything that was published until now. */
  #handOver(): void {
    const outgoing = this.#outgoing
    this.#clear()
    let lastId: number | undefined
    for (const one of outgoing) {
      switch (one.kind) {
        case 'packet':
          lastId = one.id ?? lastId
          this.#broker.take(one.packet)
          break
        case 'subscribe':
          this.#broker.subscribe(this.#subscriber, one.subject)
          this.#broker.options.observer.listens(this.#node, one.subject, true)
          break
        case 'unsubscribe':
          this.#broker.unsubscribe(this.#subscriber, one.subject)
          this.#broker.options.observer.listens(this.#node, one.subject, false)
          break
        default: one satisfies never
      }
    }
    if (lastId !== undefined) this.#broker.options.observer.flushed(this.#node, lastId)
  }

  #unsubscribe(subject: Subject, handler: (bytes: Uint8Array) => void): void {
    const handlers = this.#handlers.get(subject)
    if (handlers?.delete(handler) !== true || handlers.size > 0) return
    this.#handlers.delete(subject)
    this.#push({ kind: 'unsubscribe', subject })
  }

  #deliver({ subject, bytes }: Packet): void {
    const { run, options } = this.#broker
    if (!(options.hears ?? options.reaches)(this.#node, 'broker')) {
      run.coverage.count('fault/packet cut off')
      return
    }
    this.#node.run(() => {
      for (const handler of [...this.#handlers.get(subject) ?? []]) {
        try {
          handler(bytes)
        } catch (failure) {
          if (options.handlerThrew !== undefined) options.handlerThrew(this.#node, failure)
          else run.broken('program', `a handler of the bus threw on ${this.#node.name}: ${failure instanceof Error ? failure.stack ?? failure.message : String(failure)}`)
        }
      }
    })
  }

  #end(): void {
    this.#state = 'closed'
    this.#clear()
    this.#handlers.clear()
    this.#broker.disconnected(this.#subscriber)
  }

  #clear(): void {
    this.#outgoing = []
    this.#pump?.cancel()
    this.#pump = undefined
    this.#stuckSinceMs = undefined
  }
}

function unavailable(operation: string): EvegramError {
  return new EvegramError('unavailable.bus', { operation })
}
