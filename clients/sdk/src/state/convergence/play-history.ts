import {
  decodePayloadBody, encodePayloadBody, hexOf, parseConversationId, parseDeviceId, unitInterval,
  type ReadPlace, type StateRegister,
} from '@evegram/protocol'
import { SeededRandom } from '../../crypto/seeded-random.js'
import { orderAtTime } from '../../sync/order-clock.js'
import { expectedPlaces, expectedValues, type RememberedWrite } from './expected-state.js'
import { HistoryDevice, StoreGone, type HistoryKey } from './history-device.js'

/** What one history did. */
export interface HistoryCounts {
  readonly devices: number
  readonly writes: number
  /** Writes that did not know of another that stood beside them. */
  readonly conflicts: number
  readonly messages: number
  readonly deliveries: number
  readonly repeats: number
  readonly losses: number
  readonly crashes: number
  readonly snapshots: number
}

/** How one history ended; `fault` says what differed, and where. */
export type HistoryOutcome =
  | { readonly status: 'converged'; readonly counts: HistoryCounts }
  | { readonly status: 'diverged'; readonly counts: HistoryCounts; readonly fault: string }

/** A batch on its way to one device, with what its sender knew of its keys when it was made. */
interface OnItsWay {
  readonly to: number
  readonly body: Uint8Array
  readonly knew: ReadonlyMap<string, ReadonlySet<number>>
}

const START_MS = 1_790_000_000_000
const CONVERSATIONS = ['1', '2'].map((digit) => parseConversationId(digit.repeat(32)))
const KEYS: readonly HistoryKey[] = [
  { family: 'setting', id: 'theme' }, { family: 'setting', id: 'language' }, { family: 'draft', id: parseConversationId('1'.repeat(32)) },
  { family: 'request.declined', id: parseConversationId('3'.repeat(32)) },
]
const STEPS_MIN = 15
const STEPS_MAX = 60
/** Clocks of devices are wrong by up to this much, and one in six by a year. */
const SKEW_MS = 120_000
const YEAR_MS = 365 * 24 * 3_600_000

/**
 * Plays one history of two to five devices, all drawn from `seed`: they write, read, tell each other, crash in the middle of commits and come back; messages come in
 * any order, again and again, or are lost and sent once more; devices join late and are given everything by one that is there. In the end all that is on its way
 * arrives, and every device must show the same, bit for bit, and what the history demands. Rejects only for faults of the program.
 */
export async function playHistory(seed: string): Promise<HistoryOutcome> {
  return new History(new SeededRandom(seed)).play()
}

class History {
  readonly #random: SeededRandom
  readonly #devices: HistoryDevice[] = []
  #network: OnItsWay[] = []
  readonly #writes: RememberedWrite[] = []
  /** Ids of writes, by device and number. */
  readonly #ids = new Map<string, number>()
  readonly #read: { readonly key: string; readonly place: ReadPlace }[] = []
  readonly #counts = { writes: 0, messages: 0, deliveries: 0, repeats: 0, losses: 0, crashes: 0, snapshots: 0 }
  #nowMs = START_MS

  constructor(random: SeededRandom) {
    this.#random = random
  }

  async play(): Promise<HistoryOutcome> {
    const present = 2 + this.#pick(3)
    const joining = this.#pick(Math.min(3, 6 - present))
    for (let index = 0; index < present; index++) this.#add()
    const steps = STEPS_MIN + this.#pick(STEPS_MAX - STEPS_MIN)
    const joinAt = Array.from({ length: joining }, () => this.#pick(steps))
    for (let step = 0; step < steps; step++) {
      this.#nowMs += this.#pick(5) === 0 ? this.#pick(100_000) : this.#pick(50)
      for (const at of joinAt) if (at === step) await this.#join()
      await this.#step()
    }
    for (const device of this.#devices) await this.#tell(device)
    while (this.#network.length > 0) await this.#deliver(this.#pick(this.#network.length), false)
    const fault = await this.#judge()
    const counts = { ...this.#counts, devices: this.#devices.length, conflicts: this.#conflicts() }
    return fault === undefined ? { status: 'converged', counts } : { status: 'diverged', counts, fault }
  }

  #add(): HistoryDevice {
    const isWrong = this.#pick(6) === 0
    const skewMs = (this.#pick(2) === 0 ? 1 : -1) * (isWrong ? YEAR_MS : this.#pick(SKEW_MS))
    const device = new HistoryDevice(parseDeviceId(hexOf(this.#random.bytes(16))), () => this.#nowMs + skewMs)
    this.#devices.push(device)
    return device
  }

  /** A device comes late: one that is there gives it everything that it has, not telling what is on its way already. */
  async #join(): Promise<void> {
    const giver = this.#devices[this.#pick(this.#devices.length)]
    const device = this.#add()
    if (giver === undefined) return
    for (const registers of await giver.snapshot()) await this.#send(this.#devices.indexOf(device), registers, giver)
    this.#counts.snapshots += 1
    // What was sent to those before it was not meant for it: its state is in the snapshot, or told by whoever wrote it.
    for (const other of this.#devices) if (other !== device && other !== giver) for (const registers of await other.snapshot()) await this.#send(this.#devices.indexOf(device), registers, other)
  }

  async #step(): Promise<void> {
    const device = this.#devices[this.#pick(this.#devices.length)]
    if (device === undefined) return
    const dice = this.#pick(100)
    if (dice < 35) await this.#mayCrash(device, () => this.#write(device))
    else if (dice < 45) await this.#mayCrash(device, () => this.#markRead(device))
    else if (dice < 60) await this.#mayCrash(device, () => this.#tell(device))
    else if (this.#network.length > 0) await this.#deliver(this.#pick(this.#network.length), true)
  }

  /** One in eight works is cut off at its commit, which is durable or not; the device comes back with what its disk holds. */
  async #mayCrash(device: HistoryDevice, work: () => Promise<void>): Promise<void> {
    const crashes = this.#pick(8) === 0
    if (crashes) device.dieAtNextCommit(this.#pick(2) === 0 ? 'durable' : 'lost')
    try {
      await work()
    } catch (error) {
      if (!(error instanceof StoreGone)) throw error
    }
    if (!crashes) return
    this.#counts.crashes += 1
    device.restart()
  }

  async #write(device: HistoryDevice): Promise<void> {
    const place = KEYS[this.#pick(KEYS.length)]
    if (place === undefined) return
    const value = this.#pick(6) === 0 ? undefined : this.#valueOf(place)
    const write = await device.write(place, value)
    // What the register says already is not written again.
    if (write === undefined) return
    const key = `${place.family}/${place.id}`
    const id = this.#writes.length
    this.#writes.push({ id, key, device: device.id, timeMs: write.timeMs, value, knew: new Set(device.knows(key)) })
    this.#ids.set(nameOf(write), id)
    device.learn(key, [id])
    this.#counts.writes += 1
  }

  #valueOf({ family }: HistoryKey): string {
    return family === 'request.declined' ? String(orderAtTime(this.#nowMs - this.#pick(500_000))) : hexOf(this.#random.bytes(3))
  }

  async #markRead(device: HistoryDevice): Promise<void> {
    const conversation = CONVERSATIONS[this.#pick(CONVERSATIONS.length)]
    if (conversation === undefined) return
    const place: ReadPlace = { order: orderAtTime(this.#nowMs - this.#pick(500_000)), device: device.id, epoch: 1, number: 1 + this.#pick(3) }
    const taken = await device.markRead(conversation, place)
    if (taken !== undefined) this.#read.push({ key: `read/${conversation}`, place: taken })
  }

  async #tell(device: HistoryDevice): Promise<void> {
    for (let more = true; more;) {
      const batch = await device.take()
      more = batch.more
      if (batch.registers.length === 0) continue
      for (const index of this.#devices.keys()) if (this.#devices[index] !== device) await this.#send(index, batch.registers, device)
    }
  }

  async #send(to: number, registers: readonly StateRegister[], from: HistoryDevice): Promise<void> {
    const knew = new Map<string, ReadonlySet<number>>()
    for (const register of registers) {
      // A device tells its own writes: of others that stand beside them the message says nothing.
      const told = new Set(register.type === 'latest' ? register.writes.map(nameOf) : [])
      const untold = new Set((await from.standing(register.key)).map(nameOf).filter((name) => !told.has(name)).map((name) => this.#ids.get(name)))
      knew.set(register.key, new Set([...from.knows(register.key)].filter((id) => !untold.has(id))))
    }
    this.#network.push({ to, body: encodePayloadBody({ kind: 'state', body: { registers } }), knew })
    this.#counts.messages += 1
  }

  async #deliver(index: number, isHostile: boolean): Promise<void> {
    const message = this.#network[index]
    const device = message === undefined ? undefined : this.#devices[message.to]
    if (message === undefined || device === undefined) return
    const dice = isHostile ? this.#pick(10) : 9
    // Lost: whoever sent it sends it again, so that it stays on its way.
    if (dice === 0) {
      this.#counts.losses += 1
      return
    }
    const isRepeated = dice === 1
    const { body } = decodePayloadBody('state', message.body)
    let isTaken = false
    const take = async (): Promise<void> => {
      await device.merge(body.registers)
      isTaken = true
    }
    if (isHostile) await this.#mayCrash(device, take)
    else await take()
    if (!isTaken) return
    for (const [key, known] of message.knew) device.learn(key, known)
    this.#counts.deliveries += 1
    if (isRepeated) this.#counts.repeats += 1
    else this.#network = this.#network.filter((other) => other !== message)
  }

  #conflicts(): number {
    const superseded = new Set(this.#writes.flatMap(({ knew }) => [...knew]))
    const standing = this.#writes.filter(({ id }) => !superseded.has(id))
    return standing.length - new Set(standing.map(({ key }) => key)).size
  }

  async #judge(): Promise<string | undefined> {
    const values = expectedValues(this.#writes)
    const places = expectedPlaces(this.#read)
    const [first] = this.#devices
    const reference = await first?.bytes()
    for (const device of this.#devices) {
      const name = `device ${device.id.slice(0, 8)}`
      for (const place of KEYS) {
        const key = `${place.family}/${place.id}`
        const value = values.get(key)
        const shown = await device.shown(place)
        if (shown !== value) return `${name} shows ${String(shown)} for ${key}, the history demands ${String(value)}`
      }
      for (const [key, place] of places) {
        const read = await device.readUpTo(key.slice('read/'.length))
        if (read === undefined || read.order !== place.order || read.device !== place.device || read.number !== place.number) return `${name} read ${key} up to another place`
      }
      if ((await device.bytes()) !== reference) return `${name} holds other registers than ${first?.id.slice(0, 8) ?? ''}`
      if (await device.owes()) return `${name} has told everything, and its log says otherwise`
    }
    return undefined
  }

  /** A whole number from 0, below `below`. */
  #pick(below: number): number {
    return Math.min(below - 1, Math.floor(unitInterval(this.#random) * below))
  }
}

function nameOf({ device, number }: { readonly device: string; readonly number: number }): string {
  return `${device} ${String(number)}`
}
