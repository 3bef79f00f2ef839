import { enrolMany } from '../../raw/many-devices.js'
import { RawEnrolment, type RawDevice } from '../../raw/raw-device.js'
import type { ClientEvents, Driver, DriverClient, DriverFacts, Handle } from './driver.js'
import { EvegramClient } from './evegram-client.js'

/** How long nobody says anything before a client pings: below `heartbeatMs` of the protocol. */
const PING_MS = 20_000
/** The server hears of all deliveries at the latest after this long. */
const ACKNOWLEDGE_MS = 500
/** Connections from one source address: far below the ports of a pair. */
const CONNECTIONS_PER_ADDRESS = 4_000
/** Addresses of loopback that connections come from; the first ones are those of other programs. */
const FIRST_ADDRESS = 2

/** How to reach a server. */
export interface EvegramSettings {
  readonly url: string
  readonly ws: string
  /** Length of all payloads. */
  readonly payloadBytes: number
}

/** What the harness knows of the product. */
export const EVEGRAM_FACTS: DriverFacts = {
  name: 'evegram', summary: 'this product over its wire protocol, without the SDK and its encryption; every acknowledgement is durable', acknowledges: 'durable',
  kinds: ['direct', 'group', 'channel'],
}

/** Real accounts and devices, signed in by wallet proofs, on authenticated sockets; opaque bodies. */
export class EvegramDriver implements Driver {
  readonly facts = EVEGRAM_FACTS
  readonly #settings: EvegramSettings
  readonly #clients = new Set<EvegramClient>()
  readonly #timers: readonly NodeJS.Timeout[]
  #enrolment: RawEnrolment | undefined
  #devices: readonly RawDevice[] = []

  constructor(settings: EvegramSettings) {
    this.#settings = settings
    this.#timers = [
      setInterval(() => { for (const client of this.#clients) client.ping() }, PING_MS),
      setInterval(() => { for (const client of this.#clients) client.acknowledge() }, ACKNOWLEDGE_MS),
    ]
  }

  async enrol(count: number, onEnrolled: (count: number) => void): Promise<void> {
    this.#enrolment = await RawEnrolment.open(this.#settings.url)
    this.#devices = await enrolMany(this.#enrolment, count, 1, { silent: true, onEnrolled })
  }

  addressOf(index: number): Handle {
    const { account, device } = this.#device(index)
    return { account, device }
  }

  async connect(index: number, events: ClientEvents): Promise<DriverClient> {
    const device = this.#device(index)
    if (this.#enrolment === undefined) throw new Error('nobody was enrolled')
    // On this machine the clients come from several addresses: a pair of addresses has 28,000 ports.
    const { hostname } = new URL(this.#settings.ws)
    const isLoopback = hostname === '127.0.0.1' || hostname === 'localhost'
    const localAddress = `127.0.0.${String(FIRST_ADDRESS + Math.floor(index / CONNECTIONS_PER_ADDRESS))}`
    const ws = isLoopback ? this.#settings.ws.replace('localhost', '127.0.0.1') : this.#settings.ws
    const client = await EvegramClient.open({
      device, ws, origin: this.#enrolment.server.origin, ...(isLoopback ? { localAddress } : {}), payloadBytes: this.#settings.payloadBytes, events,
      onClosed: (closed) => { this.#clients.delete(closed) },
    })
    this.#clients.add(client)
    return client
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
  }

  #device(index: number): RawDevice {
    const device = this.#devices[index]
    if (device === undefined) throw new RangeError(`client ${String(index)} was not enrolled`)
    return device
  }
}
