import type { ConversationKind } from '../plan/cast.js'
import type { ClientEvents, Driver, DriverClient, DriverConversation, DriverFacts, Handle, SendEvents } from './driver.js'
import type { OpenWire, PeerWire } from './peer-wire.js'

/** Numbers of the clients of one worker; the next worker begins behind them. */
const CLIENTS_PER_WORKER = 1_000_000

/** How to reach a peer. */
export interface PeerSettings {
  readonly ws: string
  /** Which of the workers this is: numbers of clients and topics must not meet. */
  readonly worker: number
}

/** Clients of a system that addresses them, and topics, by names that we may choose: here by number. Direct messages go to a client, groups and channels by topic. */
export class PeerDriver implements Driver {
  readonly facts: DriverFacts
  readonly #settings: PeerSettings
  readonly #openWire: OpenWire
  #enrolled = 0
  #topics = 0

  constructor(facts: DriverFacts, settings: PeerSettings, openWire: OpenWire) {
    this.facts = facts
    this.#settings = settings
    this.#openWire = openWire
  }

  async enrol(count: number, onEnrolled: (count: number) => void): Promise<void> {
    this.#enrolled = count
    onEnrolled(count)
  }

  addressOf(index: number): Handle {
    if (index < 0 || index >= this.#enrolled) throw new RangeError(`client ${String(index)} was not enrolled`)
    return { id: this.#idOf(index) }
  }

  async connect(index: number, events: ClientEvents): Promise<DriverClient> {
    const id = numberOf(this.addressOf(index), 'id')
    return new PeerClient(await this.#openWire({ address: this.#settings.ws, id, events }), id, () => this.#idOf(this.#topics++))
  }

  async close(): Promise<void> {
    // Connections are all that there is, and clients end theirs.
  }

  #idOf(index: number): number {
    return this.#settings.worker * CLIENTS_PER_WORKER + index
  }
}

class PeerClient implements DriverClient {
  readonly #wire: PeerWire
  readonly #id: number
  readonly #newTopic: () => number
  /** Channels that this client made: it writes them and reads nothing in them. */
  readonly #authored = new Set<number>()

  constructor(wire: PeerWire, id: number, newTopic: () => number) {
    this.#wire = wire
    this.#id = id
    this.#newTopic = newTopic
  }

  async found(kind: ConversationKind, others: readonly Handle[]): Promise<Handle> {
    if (kind !== 'direct') {
      const topic = this.#newTopic()
      if (kind === 'channel') this.#authored.add(topic)
      return { topic }
    }
    const [other] = others
    if (other === undefined || others.length !== 1) throw new RangeError('a direct conversation is with one other')
    return { ids: [this.#id, numberOf(other, 'id')] }
  }

  async join(kind: ConversationKind, handle: Handle, events: SendEvents): Promise<DriverConversation> {
    if (kind === 'direct') return this.#wire.conversation({ kind: 'client', number: this.#partnerIn(handle) }, events)
    const topic = numberOf(handle, 'topic')
    await this.#wire.subscribe(topic, this.#authored.has(topic))
    return this.#wire.conversation({ kind: 'topic', number: topic }, events)
  }

  close(): void {
    this.#wire.close()
  }

  #partnerIn(handle: Handle): number {
    const ids: unknown = handle['ids']
    const partner: unknown = Array.isArray(ids) ? ids.find((id) => id !== this.#id) : undefined
    if (typeof partner !== 'number') throw new TypeError('not the handle of a direct conversation')
    return partner
  }
}

function numberOf(handle: Handle, field: string): number {
  const value = handle[field]
  if (typeof value !== 'number') throw new TypeError(`the handle has no ${field}`)
  return value
}
