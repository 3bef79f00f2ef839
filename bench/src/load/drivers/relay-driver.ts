import { WebSocket } from 'ws'
import type { ConversationKind } from '../plan/cast.js'
import type { ClientEvents, Driver, DriverClient, DriverConversation, DriverFacts, Handle } from './driver.js'
import { RELAY_OPERATION, RELAY_SUBSCRIBED, RELAY_WELCOME, relayMessage } from './relay-protocol.js'

const ANSWER_MS = 10_000
/** Numbers of the clients of one worker; the next worker begins behind them. */
const CLIENTS_PER_WORKER = 1_000_000

/** How to reach a relay. */
export interface RelaySettings {
  readonly ws: string
  /** Which of the workers this is: numbers of clients and topics must not meet. */
  readonly worker: number
}

/** Clients of a relay (`peers/`): no accounts, no acknowledgements, no store. Direct messages go by the number of a client, groups and channels by topic. */
export class RelayDriver implements Driver {
  readonly facts: DriverFacts
  readonly #settings: RelaySettings
  #enrolled = 0
  #topics = 0

  constructor(facts: DriverFacts, settings: RelaySettings) {
    this.facts = facts
    this.#settings = settings
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
    return RelayClient.open(`${this.#settings.ws}/?id=${String(id)}`, id, events, () => this.#idOf(this.#topics++))
  }

  async close(): Promise<void> {
    // Sockets are all that there is, and clients end theirs.
  }

  #idOf(index: number): number {
    return this.#settings.worker * CLIENTS_PER_WORKER + index
  }
}

class RelayClient implements DriverClient {
  readonly #socket: WebSocket
  readonly #id: number
  readonly #newTopic: () => number
  #isOpen = false
  readonly #subscribed: (() => void)[] = []

  private constructor(socket: WebSocket, id: number, newTopic: () => number) {
    this.#socket = socket
    this.#id = id
    this.#newTopic = newTopic
  }

  static async open(url: string, id: number, events: ClientEvents, newTopic: () => number): Promise<RelayClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
    const client = new RelayClient(socket, id, newTopic)
    await inTime(new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', (code) => {
        reject(new Error(`closed with ${String(code)}`))
        if (client.#isOpen) events.closed(`close ${String(code)}`)
      })
      socket.on('message', (data: Buffer) => {
        if (data.length > 1) events.delivered(data)
        else if (data[0] === RELAY_WELCOME) {
          client.#isOpen = true
          resolve()
        } else if (data[0] === RELAY_SUBSCRIBED) client.#subscribed.shift()?.()
      })
    }))
    return client
  }

  async found(kind: ConversationKind, others: readonly Handle[]): Promise<Handle> {
    if (kind !== 'direct') return { topic: this.#newTopic() }
    const [other] = others
    if (other === undefined || others.length !== 1) throw new RangeError('a direct conversation is with one other')
    return { ids: [this.#id, numberOf(other, 'id')] }
  }

  async join(kind: ConversationKind, handle: Handle): Promise<DriverConversation> {
    const [operation, target] = kind === 'direct' ? [RELAY_OPERATION.toClient, this.#partnerIn(handle)] : [RELAY_OPERATION.toTopic, numberOf(handle, 'topic')]
    if (kind !== 'direct') {
      await inTime(new Promise<void>((resolve) => {
        this.#subscribed.push(resolve)
        this.#socket.send(relayMessage(RELAY_OPERATION.subscribe, target))
      }))
    }
    // Nothing is acknowledged and nothing refused: a relay takes or ends the socket.
    return { send: (payload) => { this.#socket.send(relayMessage(operation, target, payload)) } }
  }

  close(): void {
    this.#isOpen = false
    this.#socket.terminate()
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

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([work, new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new Error('the relay did not answer in time')), ANSWER_MS) })])
  } finally {
    clearTimeout(timer)
  }
}
