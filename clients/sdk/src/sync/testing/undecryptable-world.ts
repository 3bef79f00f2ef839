import { concatBytes, decodeEnvelope, encodeEnvelope, type ConversationId, type Delivery, type DeviceId, type MessageId } from '@evegram/protocol'
import type { ClientEvents } from '../../events.js'
import { SeededRandom } from '../../crypto/seeded-random.js'
import { MemoryStore } from '../../store/memory.js'
import { readOwnChain } from '../chain-row.js'
import { FakeServer } from './fake-server.js'
import { HealingTimes } from './healing-times.js'
import { openTestClient, testWallet, type TestClient } from './test-client.js'
import { rest, VirtualClock } from './virtual-clock.js'

/** A person with devices; those that were revoked are not among them. */
export interface Person {
  readonly name: string
  readonly devices: TestClient[]
}

/** An acknowledged message, and the devices that were meant to read it. */
export interface SaidMessage {
  readonly messageId: MessageId
  /** Its place in the chain of the device that sent it. */
  readonly place: { readonly conversation: ConversationId; readonly device: DeviceId; readonly number: number }
  readonly peers: readonly [from: Person, to: Person]
  readonly readers: ReadonlySet<DeviceId>
}

/** What happened in a world, by kind. */
export interface WorldCounts {
  messages: number
  devicesAdded: number
  devicesRevoked: number
  sessionsLost: number
  backupsRestored: number
  connectionsBroken: number
  deliveriesDropped: number
  deliveriesChanged: number
  deliveriesDoubled: number
}

const PEOPLE = ['ada', 'ben', 'cleo'] as const
const DEVICES_MAX = 3
/** Of a thousand deliveries to devices: how many are lost live, changed, doubled. */
const PER_MILLE = { routeLost: 20, changed: 12, doubled: 25 } as const
/** Of a thousand steps: how many do something else than send. */
const STEPS = { sessionLost: 15, deviceAdded: 4, deviceRevoked: 3, connection: 25, time: 60 } as const

/** Virtual time that an acknowledgement may take, that what a person asks of a client may take, and between two looks for either. */
const ACK_MS_MAX = 120_000
const ASKED_MS_MAX = 600_000
const LOOK_MS = 1_000

/**
 * People whose devices come, go, lose sessions and restore archives, over a server that loses, doubles and changes deliveries; on virtual time. What is done
 * follows from the seed; keys are random.
 */
export class UndecryptableWorld {
  readonly clock = new VirtualClock()
  readonly server = new FakeServer(this.clock)
  readonly people: readonly Person[] = PEOPLE.map((name) => ({ name, devices: [] }))
  readonly said: SaidMessage[] = []
  readonly counts: WorldCounts = {
    messages: 0, devicesAdded: 0, devicesRevoked: 0, sessionsLost: 0, backupsRestored: 0, connectionsBroken: 0, deliveriesDropped: 0, deliveriesChanged: 0, deliveriesDoubled: 0,
  }
  readonly times = new HealingTimes(() => this.clock.now())
  readonly #choices: SeededRandom
  readonly #churn: number

  /** `churn`: how much more often than usually devices come and go, and live deliveries are lost. */
  constructor(seed: string, churn = 1) {
    this.#churn = churn
    this.#choices = new SeededRandom(`undecryptable ${seed}`)
    this.server.pageSize = 64
  }

  /** Everybody has a device, and the server begins to fail. */
  async open(): Promise<void> {
    for (const person of this.people) {
      person.devices.push(await this.#device(person))
      person.devices.push(await this.#device(person))
    }
    this.server.lies.route = (delivery) => this.#routed(delivery)
    // Catch-up and reads show the same damage for as long as it lasts.
    this.server.lies.deliver = (delivery) => [this.#hit(PER_MILLE.changed) ? this.#changed(delivery) : delivery]
  }

  /** Does one thing. */
  async step(): Promise<void> {
    const roll = this.#below(1_000)
    let bound = STEPS.sessionLost
    if (roll < bound) return this.#loseSession()
    if (roll < (bound += STEPS.deviceAdded * this.#churn)) return this.#addDevice()
    if (roll < (bound += STEPS.deviceRevoked * this.#churn)) return this.#revokeDevice()
    if (roll < (bound += STEPS.connection)) return this.#turnConnection()
    if (roll < bound + STEPS.time) {
      await this.clock.advance(1_000 + this.#below(60_000))
      return
    }
    return this.#say()
  }

  /** The server is honest, everybody connects anew (what was lost live is no gap before something follows it, and is caught up with), and `hours` pass. */
  async settle(hours: number): Promise<void> {
    this.server.lies = {}
    for (const { devices } of this.people) {
      for (const { link } of devices) {
        link.down()
        link.up()
      }
    }
    await this.clock.advance(hours * 3_600_000)
  }

  /** Ends all devices. */
  async close(): Promise<void> {
    for (const { devices } of this.people) for (const { client } of devices) await client.close()
  }

  #below(bound: number): number {
    const bytes = this.#choices.bytes(4)
    return new DataView(bytes.buffer).getUint32(0) % bound
  }

  #hit(perMille: number): boolean {
    return this.#below(1_000) < perMille
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[this.#below(items.length)]
    if (item === undefined) throw new Error('nothing to choose from')
    return item
  }

  #routed(delivery: Delivery): readonly Delivery[] {
    if (this.#hit(PER_MILLE.routeLost * this.#churn)) {
      this.counts.deliveriesDropped += 1
      return []
    }
    if (!this.#hit(PER_MILLE.doubled)) return [delivery]
    this.counts.deliveriesDoubled += 1
    return [delivery, delivery]
  }

  #changed(delivery: Delivery): Delivery {
    const envelope = decodeEnvelope(delivery.envelope)
    if (envelope.kind !== 1) return delivery
    this.counts.deliveriesChanged += 1
    const bodies = envelope.bodies.map((body) => {
      const bytes = body.bytes.slice()
      const at = bytes.length - 3
      bytes[at] = (bytes[at] ?? 0) ^ 4
      return { ...body, bytes }
    })
    return { ...delivery, envelope: encodeEnvelope({ ...envelope, bodies }) }
  }

  async #device({ name }: Person): Promise<TestClient> {
    const device = await openTestClient(this.server, new MemoryStore(), testWallet(name))
    this.times.follow(device.client.device, (event, listener) => { device.core.core.events.on(event, listener) })
    return device
  }

  async #say(): Promise<void> {
    const from = this.#pick(this.people)
    const to = this.#pick(this.people.filter((person) => person !== from))
    const device = this.#pick(from.devices)
    const first = to.devices[0]
    if (first === undefined || !device.link.isLive) return
    const readers = new Set([...from.devices, ...to.devices].filter((reader) => reader !== device).map(({ client }) => client.device))
    const sent = await this.#ended('send', device.client.conversation(first.client.account).then((conversation) => conversation.send(`message ${String(this.said.length)}`)))
    if (!(await this.#acked(sent.acked))) return
    this.counts.messages += 1
    const { number } = await readOwnChain(device.store, sent.conversation)
    this.said.push({ messageId: sent.messageId, place: { conversation: sent.conversation, device: device.client.device, number }, peers: [from, to], readers })
  }

  /** What a person asks of a client may wait for time to pass: a server that is asked again, a connection. Throws when it has not ended by then. */
  async #ended<Value>(what: string, work: Promise<Value>): Promise<Value> {
    let isOver = false
    const over = (): void => { isOver = true }
    work.then(over, over)
    // Read through a function: the compiler does not see that promises change it.
    const waits = (): boolean => !isOver
    for (let waitedMs = 0; waits(); waitedMs += LOOK_MS) {
      await rest()
      if (waits() && waitedMs >= ASKED_MS_MAX) throw new Error(`${what}: not ended after ${String(ASKED_MS_MAX / 60_000)} min of virtual time`)
      if (waits()) await this.clock.advance(LOOK_MS)
    }
    return work
  }

  /** Waits for an acknowledgement, in virtual time where it takes some: what is tried again later would never come otherwise. False when there was none: such a message counts for nothing here. */
  async #acked(acked: Promise<unknown>): Promise<boolean> {
    let state: 'waits' | 'acked' | 'failed' = 'waits'
    acked.then(() => { state = 'acked' }, () => { state = 'failed' })
    // Read through a function: the compiler does not see that promises change it.
    const now = (): typeof state => state
    for (let waitedMs = 0; now() === 'waits' && waitedMs < ACK_MS_MAX; waitedMs += LOOK_MS) {
      await rest()
      if (now() === 'waits') await this.clock.advance(LOOK_MS)
    }
    await rest()
    return now() === 'acked'
  }

  async #loseSession(): Promise<void> {
    const person = this.#pick(this.people)
    const device = this.#pick(person.devices)
    const other = this.#pick(this.#pick(this.people.filter((peer) => peer !== person)).devices)
    const { local, ciphers } = device.core.core
    await this.#ended('forget a session', local.write((tx) => {
      tx.apply(ciphers.forget(other.client.device))
      return Promise.resolve()
    }))
    this.counts.sessionsLost += 1
  }

  /** A new device takes what an older one has: a restored backup without its ratchets. */
  async #addDevice(): Promise<void> {
    const person = this.#pick(this.people)
    if (person.devices.length >= DEVICES_MAX) return
    const source = this.#pick(person.devices)
    const device = await this.#ended('open a device', this.#device(person))
    person.devices.push(device)
    this.counts.devicesAdded += 1
    const pieces: Uint8Array[] = []
    for await (const piece of (await source.core.archives.draft()).bytes) pieces.push(piece)
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(concatBytes(...pieces))
    }
    await this.#ended('import an archive', device.core.archives.import(bytes()))
    this.counts.backupsRestored += 1
  }

  async #revokeDevice(): Promise<void> {
    const person = this.#pick(this.people)
    if (person.devices.length < 2) return
    const gone = this.#pick(person.devices)
    const by = person.devices.find((device) => device !== gone)
    if (by?.link.isLive !== true) return
    await this.#ended('revoke a device', by.client.revokeDevice(gone.client.device, testWallet(person.name)))
    person.devices.splice(person.devices.indexOf(gone), 1)
    await this.#ended('close a device', gone.client.close())
    await rest()
    this.counts.devicesRevoked += 1
  }

  async #turnConnection(): Promise<void> {
    const { link } = this.#pick(this.#pick(this.people).devices)
    if (link.isLive) {
      link.down()
      this.counts.connectionsBroken += 1
    } else link.up()
    await rest()
  }
}

/** Events of one name that a device told. */
export function told<Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] {
  // The log holds under `name` what was told under it.
  return test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])
}
