import { build, type Histogram } from 'hdr-histogram-js'
import type { ProcessCost } from '../process-cost.js'
import { enrolMany } from '../raw/many-devices.js'
import { RawEnrolment } from '../raw/raw-device.js'
import type { System } from '../system.js'
import { CapacityRamp } from './capacity-ramp.js'
import { Sender, type SenderContext } from './sender.js'

const WARM_UP_SHARE = 0.2
const DRAIN_MS = 15_000
const DRAIN_LOOK_MS = 50
/** Above this rate the generator plans without pause; below it it lets others run. */
const BUSY_PER_SECOND = 5_000
const STEP_SECONDS = 5
/** A rate is sustained when nearly all that is planned arrives so soon: a queue that grows by a tenth of a step shows here. */
const SUSTAINED_P95_MS = 500
/** A rate is too much when it was not sustained so often in a row: others use this machine, too. */
const TRIES = 2
/** Connections until a device sits on the engine where it has to: with two engines half of them do. */
const CONNECTS_MAX = 64
const PROBE_MS_MAX = 10_000

/** How one part of a run went. */
export interface PartResult {
  readonly part: 'closed' | 'open'
  /** Planned for an open loop; 0 for a closed one. */
  readonly plannedPerSecond: number
  readonly messagesPerSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly cpuUsPerDelivered: number
  /** Of Cassandra, NATS and Redis; embedded stores are part of the server. */
  readonly storeCpuUsPerDelivered: number
  readonly generatorCpuShare: number
  readonly serverWaitShare: number
  readonly serverRssMiB: number
  readonly sent: number
  readonly delivered: number
  readonly lost: number
  readonly doubled: number
  /** Arrived behind a later one of the same sender. */
  readonly late: number
}

/** Sizes of a load. */
export interface LoadShape {
  readonly pairs: number
  readonly payloadBytes: number
  /** Unacknowledged messages of a sender in a closed loop. */
  readonly window: number
}

/** Pairs of devices that send each other messages through one system. */
export class RouteLoad {
  readonly #system: System
  readonly #shape: LoadShape
  #senders: readonly Sender[] = []
  #latencies: Histogram | undefined
  #part: 'closed' | 'open' | undefined

  private constructor(system: System, shape: LoadShape) {
    this.#system = system
    this.#shape = shape
  }

  /** Signs the pairs in and connects them. */
  static async connect(system: System, shape: LoadShape, options: { readonly silent: boolean }): Promise<RouteLoad> {
    const load = new RouteLoad(system, shape)
    const enrolment = await RawEnrolment.open(system.url)
    const devices = await enrolMany(enrolment, shape.pairs * 2, 1, options)
    const context: SenderContext = {
      ws: system.ws, enrolment, payloadBytes: shape.payloadBytes, latencies: () => load.#latencies,
      onAcked: (sender) => { if (load.#part === 'closed') while (sender.inFlight < shape.window) sender.sendOne(performance.now()) },
    }
    const senders: Sender[] = []
    for (let pair = 0; pair < shape.pairs; pair++) {
      const [one, other] = [devices[pair * 2], devices[pair * 2 + 1]]
      if (one === undefined || other === undefined) throw new Error('too few devices were enrolled')
      for (const sender of [new Sender(context, one, other), new Sender(context, other, one)]) {
        await sender.connect()
        senders.push(sender)
      }
    }
    load.#senders = senders
    return load
  }

  /** What servers refused. */
  get failures(): readonly string[] {
    return [...new Set(this.#senders.flatMap(({ failure }) => failure ?? []))]
  }

  /** Connects the second device of each pair again until both sit on different engines. Rejects when that does not come about: there must be two of them. */
  async crossPairs(): Promise<void> {
    for (const [index, other] of this.#senders.entries()) {
      const one = index % 2 === 1 ? this.#senders[index - 1] : undefined
      if (one === undefined) continue
      const at = await nodeOf(one)
      for (let connects = 1; await nodeOf(other) === at; connects++) {
        if (connects > CONNECTS_MAX) throw new Error(`a device was connected ${String(CONNECTS_MAX)} times and never to another engine than its partner's`)
        await other.connect()
      }
    }
    // What was sent to find out arrives, or was shown in a catch-up that nobody counts.
    await sleep(1_000)
    for (const sender of this.#senders) sender.resetCounts()
  }

  /** As fast as acknowledgements come. */
  closed(seconds: number): Promise<PartResult> {
    return this.#measure('closed', 0, seconds)
  }

  /** At planned times, whatever the answers do. */
  open(perSecond: number, seconds: number): Promise<PartResult> {
    return this.#measure('open', perSecond, seconds)
  }

  /** The highest rate at which nearly everything that is planned arrives within half a second; `onStep` hears of every try. */
  async capacity(startPerSecond: number, onStep: (step: PartResult, isSustained: boolean) => void): Promise<{ readonly perSecond: number; readonly steps: readonly PartResult[] }> {
    const ramp = new CapacityRamp(startPerSecond)
    const steps: PartResult[] = []
    for (let rate = ramp.next(); rate !== undefined; rate = ramp.next()) {
      let isSustained = false
      for (let tries = 0; tries < TRIES && !isSustained; tries++) {
        const step = await this.open(rate, STEP_SECONDS)
        isSustained = step.p95Ms <= SUSTAINED_P95_MS
        steps.push(step)
        onStep(step, isSustained)
      }
      ramp.record(rate, isSustained)
    }
    return { perSecond: ramp.sustainedPerSecond, steps }
  }

  /** Ends all connections. */
  close(): void {
    for (const sender of this.#senders) sender.close()
  }

  async #measure(part: 'closed' | 'open', perSecond: number, seconds: number): Promise<PartResult> {
    const senders = this.#senders
    const before = { sent: this.#sum('sent'), received: this.#sum('received'), doubled: this.#sum('doubled'), late: this.#sum('late') }
    this.#latencies = undefined
    this.#part = part
    const warmUpMs = seconds * 1_000 * WARM_UP_SHARE
    const endAt = performance.now() + warmUpMs + seconds * 1_000
    if (part === 'closed') for (const sender of senders) for (let index = 0; index < this.#shape.window; index++) sender.sendOne(performance.now())
    const pacing = part === 'open' ? this.#pace(perSecond, endAt) : Promise.resolve()
    await sleep(warmUpMs)

    const latencies = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 })
    this.#latencies = latencies
    const [server0, store0, self0, received0, at0] = [this.#system.cost(), this.#system.storeCost(), process.cpuUsage(), this.#sum('received'), performance.now()]
    await sleep(endAt - performance.now())
    const [server1, store1, self1, received1, at1] = [this.#system.cost(), this.#system.storeCost(), process.cpuUsage(self0), this.#sum('received'), performance.now()]
    this.#part = undefined
    await pacing
    await this.#drain()

    const elapsed = (at1 - at0) / 1_000
    const delivered = received1 - received0
    const sent = this.#sum('sent') - before.sent
    const arrived = this.#sum('received') - before.received
    const doubled = this.#sum('doubled') - before.doubled
    const cost = (from: ProcessCost, to: ProcessCost): number => Number((((to.cpuSeconds - from.cpuSeconds) * 1e6) / Math.max(1, delivered)).toFixed(2))
    return {
      part,
      plannedPerSecond: perSecond,
      messagesPerSecond: Math.round(delivered / elapsed),
      p50Ms: latencies.getValueAtPercentile(50) / 1_000,
      p95Ms: latencies.getValueAtPercentile(95) / 1_000,
      p99Ms: latencies.getValueAtPercentile(99) / 1_000,
      p999Ms: latencies.getValueAtPercentile(99.9) / 1_000,
      cpuUsPerDelivered: cost(server0, server1),
      storeCpuUsPerDelivered: cost(store0, store1),
      generatorCpuShare: Number(((self1.user + self1.system) / 1e6 / elapsed).toFixed(2)),
      serverWaitShare: Number(((server1.waitedSeconds - server0.waitedSeconds) / elapsed).toFixed(3)),
      serverRssMiB: Math.round(server1.rssBytes / 1_048_576),
      sent,
      delivered: arrived,
      lost: sent - (arrived - doubled),
      doubled,
      late: this.#sum('late') - before.late,
    }
  }

  /** Sends at planned times: a message that could not leave in time carries its planned time all the same. */
  async #pace(perSecond: number, endAt: number): Promise<void> {
    const senders = this.#senders
    const startAt = performance.now()
    let planned = 0
    while (performance.now() < endAt) {
      const due = Math.floor(((performance.now() - startAt) / 1_000) * perSecond)
      for (; planned < due; planned++) senders[planned % senders.length]?.sendOne(startAt + (planned / perSecond) * 1_000)
      if (perSecond < BUSY_PER_SECOND) await sleep(1)
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #drain(): Promise<void> {
    const deadline = performance.now() + DRAIN_MS
    while (performance.now() < deadline) {
      for (const sender of this.#senders) sender.acknowledge()
      if (this.#sum('sent') === this.#sum('received') - this.#sum('doubled') && this.#sum('inFlight') === 0) return
      await sleep(DRAIN_LOOK_MS)
    }
  }

  #sum(field: 'sent' | 'received' | 'doubled' | 'late' | 'inFlight'): number {
    return this.#senders.reduce((total, sender) => total + sender[field], 0)
  }
}

/** The engine that a device is connected to: whoever takes a message of it. */
async function nodeOf(sender: Sender): Promise<number> {
  if (sender.node === undefined) sender.sendOne(performance.now())
  const deadline = performance.now() + PROBE_MS_MAX
  for (;;) {
    if (sender.node !== undefined) return sender.node
    if (performance.now() > deadline) throw new Error(`a message got no acknowledgement: ${sender.failure ?? 'no reason was given'}`)
    await sleep(1)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
