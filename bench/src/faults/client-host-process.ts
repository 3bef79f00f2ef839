import { randomInt } from 'node:crypto'
import { isEvegramError } from '@evegram/protocol'
import { createLocalWallet, type Client, type Conversation } from '@evegram/sdk'
import { createNodeClient } from '@evegram/sdk/node'
import type { DeviceReport, DeviceSettings, FromHost, HostSettings, ToHost } from './client-protocol.js'

/** Messages of one device that wait for their acknowledgement at a time. */
const IN_FLIGHT_MAX = 32
/** The same while faults go on: enough to see how long an outage lasts, too few to leave a mountain of work behind it. */
const PACED_IN_FLIGHT_MAX = 4
const PROGRESS_INTERVAL_MS = 250
/** More than any run sends in one conversation. */
const HISTORY_MAX = 10_000_000
const OPEN_TRIES_MAX = 60
const OPEN_RETRY_MS = 500
const PACE_CHECK_MS = 20
/** A device is under way when it has so many acknowledgements and waits for no more than this. */
const SETTLED = { acked: 2, waiting: 1 } as const

const settings = JSON.parse(process.argv[2] ?? '{}') as HostSettings
const tell = (message: FromHost): void => { process.send?.(message) }
// The coordinator is gone: nobody wants the rest.
process.on('disconnect', () => process.exit(0))

/** CLOCK_MONOTONIC, which is one clock for all processes of a machine. */
const nowMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000
/** What a message is called in reports: its text has the moment of sending as well, for whoever shows it. */
const labelOf = (text: string): string => text.split(':', 2).join(':')
const sentMsOf = (text: string): number => Number(text.split(':')[2])
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A device with everything that it did and saw. */
class Device {
  readonly acks: [number, number, number][] = []
  readonly shown: [string, number][] = []
  readonly connects: number[] = []
  readonly counters: Record<string, number> = {}
  finished = false
  readonly #waiting = new Map<number, number>()
  #slowestMs = 0

  constructor(readonly plan: DeviceSettings, readonly client: Client) {
    client.on('message', ({ direction, text }) => {
      if (direction !== 'in') return
      const shownMs = nowMs()
      this.shown.push([labelOf(text), shownMs])
      this.#took(sentMsOf(text), shownMs)
    })
    client.on('state', ({ state }) => { if (state === 'catching_up') this.connects.push(nowMs()) })
    client.on('security', ({ code }) => { this.#count(`refused ${code}`) })
    client.on('gap', ({ reason }) => { this.#count(`gap ${reason}`) })
    client.on('session-healed', () => { this.#count('healed') })
    client.on('fault', ({ error }) => { this.#count(`fault ${error.code}`) })
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1
  }

  /** Own messages that wait for their acknowledgement. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Longest time to an ack or to being shown since this was asked last, of what was sent at this pace, what still waits included, in ms. */
  takeSlowestMs(): number {
    for (const sentMs of this.#waiting.values()) this.#took(sentMs, nowMs())
    const slowestMs = this.#slowestMs
    this.#slowestMs = 0
    return slowestMs
  }

  #took(sentMs: number, untilMs: number): void {
    if (sentMs >= paceSinceMs) this.#slowestMs = Math.max(this.#slowestMs, untilMs - sentMs)
  }

  /** Sends its first message, for which sessions are made, and waits for its acknowledgement. */
  async begin(conversation: Conversation): Promise<void> {
    await (await this.#sendOne(conversation, 1)).done
  }

  async #sendOne(conversation: Conversation, number: number): Promise<{ readonly sentMs: number; readonly done: Promise<void> }> {
    const sentMs = nowMs()
    this.#waiting.set(number, sentMs)
    const { acked } = await conversation.send(`${this.plan.name}:${String(number)}:${sentMs.toFixed(0)}`)
    const done = acked.then(() => {
      const ackedMs = nowMs()
      this.acks.push([number, sentMs, ackedMs])
      this.#took(sentMs, ackedMs)
      this.#waiting.delete(number)
    })
    return { sentMs, done }
  }

  /** Sends its other messages, one a pace as long as faults go on, and never fewer than its plan says. */
  async send(conversation: Conversation): Promise<void> {
    const waiting = new Set<Promise<void>>()
    // Somewhere in the first pace, so that devices take turns.
    let dueMs = nowMs() + randomInt(paceMs)
    for (let number = 2; number <= this.plan.messages || !finishing; number++) {
      while (!finishing && (nowMs() < dueMs || waiting.size >= PACED_IN_FLIGHT_MAX)) await sleep(PACE_CHECK_MS)
      if (finishing && number > this.plan.messages) break
      const sent = await this.#sendOne(conversation, number)
      // What an outage held up is not made up for: that would be another load than before.
      dueMs = sent.sentMs + paceMs
      const done: Promise<void> = sent.done.then(() => { waiting.delete(done) })
      waiting.add(done)
      if (waiting.size >= IN_FLIGHT_MAX) await Promise.race(waiting)
    }
    await Promise.all(waiting)
    this.finished = true
  }

  async report(): Promise<DeviceReport> {
    const conversations: { peerAddress: string; texts: readonly string[] }[] = []
    for (const conversation of await this.client.conversations()) {
      conversations.push({ peerAddress: conversation.peer.address, texts: (await conversation.history(HISTORY_MAX)).map(({ text }) => labelOf(text)) })
    }
    const { plan: { name }, acks, shown, connects, counters } = this
    return { name, acks, shown, connects, conversations, counters }
  }
}

let finishing = false
let paceMs = settings.paceMs
let paceSinceMs = 0
const devices: Device[] = []

/** Opens a device; a cluster that is just coming up is waited for, as a person would try again. */
async function open(plan: DeviceSettings): Promise<Device> {
  const wallet = createLocalWallet(plan.chain, new Uint8Array(Buffer.from(plan.seed, 'base64url')))
  for (let attempt = 1; ; attempt++) {
    try {
      return new Device(plan, await createNodeClient({ url: settings.url, profile: plan.profile, wallet, requests: 'accept-all' }))
    } catch (error) {
      const passing = isEvegramError(error) && error.retry !== 'never'
      if (!passing || attempt >= OPEN_TRIES_MAX) throw error
      await sleep(OPEN_RETRY_MS)
    }
  }
}

async function handle(message: ToHost): Promise<void> {
  switch (message.kind) {
    case 'open': {
      const device = await open(message.device)
      devices.push(device)
      tell({ kind: 'opened', name: device.plan.name, address: device.client.address })
      return
    }
    case 'send': {
      const conversations = new Map<Device, Conversation>()
      for (const device of devices) {
        const address = message.peers[device.plan.name]
        if (address !== undefined) conversations.set(device, await device.client.conversation(address))
      }
      // One after the other: sessions cost far more than messages, and all of them at once are no load that anybody means to test.
      for (const [device, conversation] of conversations) await device.begin(conversation)
      await Promise.all([...conversations].map(([device, conversation]) => device.send(conversation)))
      return
    }
    case 'pace':
      paceMs = message.paceMs
      paceSinceMs = nowMs()
      return
    case 'finish':
      finishing = true
      return
    case 'report':
      tell({ kind: 'report', devices: await Promise.all(devices.map((device) => device.report())) })
      return
    case 'stop':
      await Promise.allSettled(devices.map(({ client }) => client.close()))
      process.exit(0)
      return
    default:
      message satisfies never
  }
}

process.on('message', (message: ToHost) => {
  handle(message).catch((error: unknown) => { tell({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }) })
})
setInterval(() => {
  const settled = devices.every(({ acks, waiting }) => acks.length >= SETTLED.acked && waiting <= SETTLED.waiting)
  tell({ kind: 'progress', acked: devices.reduce((sum, { acks }) => sum + acks.length, 0), settled, slowestMs: Math.max(0, ...devices.map((device) => device.takeSlowestMs())), finished: devices.every(({ finished }) => finished) })
}, PROGRESS_INTERVAL_MS)
