import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ACK_BYTES, decodeFailure, decodeOpened, encodeFrame, encodeOpen, FRAME_TYPE, type Frame } from '@evegram/protocol'
import { build, type Histogram } from 'hdr-histogram-js'
import { readRunOptions } from '../options.js'
import { pinApart } from '../pin.js'
import { machineFacts, type ProcessCost } from '../process-cost.js'
import { topCosts, type CpuProfile } from '../top-costs.js'
import { enrolMany } from '../raw/many-devices.js'
import { RawConnection } from '../raw/raw-connection.js'
import { RawEnrolment, type RawDevice } from '../raw/raw-device.js'
import { NODES_OPTION, startSystem, type System } from '../system.js'
import { OpaqueSend, SENT_AT_OFFSET } from './opaque-envelope.js'

const { numbers, texts, json } = readRunOptions(
  'npm run route -- [--pairs 100] [--seconds 10] [--nodes 0] [--engines 1] [--profile top]\n\n' +
    'Pairs of devices send each other 200-byte opaque payloads through a server or cluster of their own: first as fast as acknowledgements come (a closed\n' +
    'loop), then at half of that rate at planned times (an open loop). Every ack is durable. Lost or doubled deliveries fail the run.',
  {
    pairs: { default: 100, min: 1, max: 2_000, help: 'pairs of devices' },
    seconds: { default: 10, min: 1, max: 600, help: 'length of each part' },
    window: { default: 16, min: 1, max: 128, help: 'unacknowledged messages of a sender in the closed loop' },
    payload: { default: 200, min: 8, max: 60_000, help: 'bytes of a payload' },
    runs: { default: 1, min: 1, max: 20, help: 'repetitions of both parts, for the spread' },
    nodes: NODES_OPTION,
    engines: { default: 1, min: 1, max: 8, help: 'engines of a cluster: with two of them every second pair sits on both' },
  },
  { profile: 'write a CPU profile of the server and print its top costs: --profile top', pin: 'give server and generator a core each: --pin yes' },
)
const WARM_UP_SHARE = 0.2
const DRAIN_MS = 15_000
/** Deliveries that are acknowledged together. */
const DEVICE_ACK_EVERY = 64

interface PartResult {
  readonly part: 'closed' | 'open'
  readonly messagesPerSecond: number
  readonly p50Ms: number
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
}

/** A device of a pair: sends to its partner and counts what arrives. */
class Sender {
  readonly send: OpaqueSend
  connection: RawConnection | undefined
  inFlight = 0
  sent = 0
  acked = 0
  received = 0
  doubled = 0
  #lastNumber = 0
  #unacknowledged = 0
  failure: string | undefined

  constructor(device: RawDevice, partner: RawDevice) {
    this.send = new OpaqueSend(device, partner, numbers.payload)
  }

  sendOne(plannedAtMs: number): void {
    this.inFlight++
    this.sent++
    this.connection?.send(this.send.next(plannedAtMs).frame)
  }

  onFrame(frame: Frame, latencies: Histogram | undefined, onAcked: () => void): void {
    if (frame.type === FRAME_TYPE.ack) {
      const acks = frame.body.length / ACK_BYTES
      this.acked += acks
      this.inFlight -= acks
      onAcked()
    } else if (frame.type === FRAME_TYPE.deliver) {
      const view = new DataView(frame.body.buffer, frame.body.byteOffset, frame.body.byteLength)
      const number = Number(view.getBigUint64(16 + 56))
      // One sender sends in order on one socket, so a repeated or older number is a second delivery.
      if (number <= this.#lastNumber) this.doubled++
      this.#lastNumber = Math.max(this.#lastNumber, number)
      this.received++
      const plannedAtMs = view.getFloat64(frame.body.byteLength - numbers.payload + SENT_AT_OFFSET)
      latencies?.recordValue(Math.max(1, Math.round((performance.now() - plannedAtMs) * 1_000)))
      if (++this.#unacknowledged >= DEVICE_ACK_EVERY) this.acknowledge()
    } else if (frame.type === FRAME_TYPE.failure) {
      const failure = decodeFailure(frame.body)
      this.failure = `${failure.code}: ${failure.message}`
    }
  }

  acknowledge(): void {
    if (this.#unacknowledged > 0) this.connection?.acknowledge(this.#unacknowledged)
    this.#unacknowledged = 0
  }
}

async function connectPairs(ws: string, enrolment: RawEnrolment, handlers: { onFrame(sender: Sender, frame: Frame): void }): Promise<Sender[]> {
  const devices = await enrolMany(enrolment, numbers.pairs * 2, 1, { silent: json })
  const senders: Sender[] = []
  for (let pair = 0; pair < numbers.pairs; pair++) {
    const [one, other] = [devices[pair * 2], devices[pair * 2 + 1]]
    if (one === undefined || other === undefined) throw new Error('too few devices were enrolled')
    for (const [device, partner] of [[one, other], [other, one]] as const) {
      const sender = new Sender(device, partner)
      let opened: (() => void) | undefined
      const open = new Promise<void>((resolve) => {
        opened = resolve
      })
      sender.connection = await RawConnection.open(device, {
        ws, origin: enrolment.server.origin,
        onFrame(frame) {
          if (frame.type === FRAME_TYPE.opened) {
            decodeOpened(frame.body)
            opened?.()
          } else handlers.onFrame(sender, frame)
        },
      })
      sender.connection.send(encodeFrame(FRAME_TYPE.open, 1, encodeOpen({ peer: partner.account })))
      await open
      senders.push(sender)
    }
  }
  return senders
}

async function measure(part: 'closed' | 'open', senders: readonly Sender[], system: System, perSecond: number, state: LoopState): Promise<PartResult> {
  const before = { sent: sum(senders, 'sent'), received: sum(senders, 'received'), doubled: sum(senders, 'doubled') }
  state.latencies = undefined
  state.part = part
  const warmUpMs = numbers.seconds * 1_000 * WARM_UP_SHARE
  const endAt = performance.now() + warmUpMs + numbers.seconds * 1_000
  if (part === 'closed') for (const sender of senders) for (let index = 0; index < numbers.window; index++) sender.sendOne(performance.now())
  const pacing = part === 'open' ? paceOpenLoop(senders, perSecond, endAt) : Promise.resolve()
  await sleep(warmUpMs)

  const latencies = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 })
  state.latencies = latencies
  const [server0, store0, self0, received0, at0] = [system.cost(), system.storeCost(), process.cpuUsage(), sum(senders, 'received'), performance.now()]
  await sleep(endAt - performance.now())
  const [server1, store1, self1, received1, at1] = [system.cost(), system.storeCost(), process.cpuUsage(self0), sum(senders, 'received'), performance.now()]
  state.part = undefined
  await pacing
  await drain(senders)

  const seconds = (at1 - at0) / 1_000
  const delivered = received1 - received0
  const sent = sum(senders, 'sent') - before.sent
  const arrived = sum(senders, 'received') - before.received
  const cost = (from: ProcessCost, to: ProcessCost): number => to.cpuSeconds - from.cpuSeconds
  return {
    part,
    messagesPerSecond: Math.round(delivered / seconds),
    p50Ms: latencies.getValueAtPercentile(50) / 1_000,
    p99Ms: latencies.getValueAtPercentile(99) / 1_000,
    p999Ms: latencies.getValueAtPercentile(99.9) / 1_000,
    cpuUsPerDelivered: Number(((cost(server0, server1) * 1e6) / Math.max(1, delivered)).toFixed(2)),
    storeCpuUsPerDelivered: Number(((cost(store0, store1) * 1e6) / Math.max(1, delivered)).toFixed(2)),
    generatorCpuShare: Number(((self1.user + self1.system) / 1e6 / seconds).toFixed(2)),
    serverWaitShare: Number(((server1.waitedSeconds - server0.waitedSeconds) / seconds).toFixed(3)),
    serverRssMiB: Math.round(server1.rssBytes / 1_048_576),
    sent,
    delivered: arrived,
    lost: sent - (arrived - (sum(senders, 'doubled') - before.doubled)),
    doubled: sum(senders, 'doubled') - before.doubled,
  }
}

interface LoopState {
  part: 'closed' | 'open' | undefined
  latencies: Histogram | undefined
}

/** Sends at planned times, whatever the answers do: a message that could not leave in time carries its planned time all the same. */
async function paceOpenLoop(senders: readonly Sender[], perSecond: number, endAt: number): Promise<void> {
  const startAt = performance.now()
  let planned = 0
  while (performance.now() < endAt) {
    const due = Math.floor(((performance.now() - startAt) / 1_000) * perSecond)
    for (; planned < due; planned++) senders[planned % senders.length]?.sendOne(startAt + (planned / perSecond) * 1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function drain(senders: readonly Sender[]): Promise<void> {
  const deadline = performance.now() + DRAIN_MS
  while (performance.now() < deadline) {
    for (const sender of senders) sender.acknowledge()
    if (sum(senders, 'sent') === sum(senders, 'received') - sum(senders, 'doubled') && sum(senders, 'inFlight') === 0) return
    await sleep(50)
  }
}

function sum(senders: readonly Sender[], field: 'sent' | 'received' | 'doubled' | 'inFlight'): number {
  return senders.reduce((total, sender) => total + sender[field], 0)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}

async function run(): Promise<boolean> {
  const profiling = texts['profile'] !== undefined
  const system = await startSystem(numbers.nodes, { EVEGRAM_RATE_FACTOR: '100000' }, { engines: numbers.engines, profiled: profiling })
  try {
    const { url, ws, server } = system
    const pinned = texts['pin'] === 'yes' && server !== undefined ? pinApart(server.pid) : 'not pinned'
    const enrolment = await RawEnrolment.open(url)
    const state: LoopState = { part: undefined, latencies: undefined }
    const senders = await connectPairs(ws, enrolment, {
      onFrame(sender, frame) {
        sender.onFrame(frame, state.latencies, () => {
          if (state.part === 'closed') while (sender.inFlight < numbers.window) sender.sendOne(performance.now())
        })
      },
    })
    const results: PartResult[] = []
    for (let repetition = 0; repetition < numbers.runs; repetition++) {
      const closed = await measure('closed', senders, system, 0, state)
      const open = await measure('open', senders, system, Math.max(1, Math.floor(closed.messagesPerSecond / 2)), state)
      results.push(closed, open)
    }
    const failures = [...new Set(senders.flatMap(({ failure }) => failure ?? []))]
    const held = failures.length === 0 && results.every(({ lost, doubled }) => lost === 0 && doubled === 0)
    for (const sender of senders) sender.connection?.close()
    await server?.stop()
    const costs = profiling && server !== undefined ? newestProfile(join(server.dataDir, 'profile')) : []
    print(results, failures, held, costs, `${system.description}, ${pinned}`)
    return held
  } finally {
    await system.dispose()
  }
}

function newestProfile(folder: string): ReturnType<typeof topCosts> {
  const name = readdirSync(folder).find((file) => file.endsWith('.cpuprofile'))
  return name === undefined ? [] : topCosts(JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile, 15)
}

function print(results: readonly PartResult[], failures: readonly string[], held: boolean, costs: ReturnType<typeof topCosts>, pinned: string): void {
  const machine = machineFacts()
  if (json) {
    console.log(JSON.stringify({ pairs: numbers.pairs, payloadBytes: numbers.payload, seconds: numbers.seconds, results, failures, held, costs, pinned, machine }))
    return
  }
  console.log(`${String(numbers.pairs)} pairs, ${String(numbers.payload)} bytes, durable acks, ${String(numbers.seconds)} s a part; ${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.commit}; ${pinned}`)
  console.log('loop     msgs/s   p50 ms   p99 ms  p99.9 ms  server CPU us/msg  stores  server waits  generator CPU  lost  doubled  RSS MiB')
  for (const one of results) {
    console.log(
      one.part.padEnd(7) + String(one.messagesPerSecond).padStart(8) + one.p50Ms.toFixed(2).padStart(9) + one.p99Ms.toFixed(2).padStart(9) + one.p999Ms.toFixed(2).padStart(10) +
        one.cpuUsPerDelivered.toFixed(2).padStart(19) + one.storeCpuUsPerDelivered.toFixed(2).padStart(8) + `${(one.serverWaitShare * 100).toFixed(1)} %`.padStart(14) + `${(one.generatorCpuShare * 100).toFixed(0)} %`.padStart(15) +
        String(one.lost).padStart(6) + String(one.doubled).padStart(9) + String(one.serverRssMiB).padStart(9),
    )
    if (one.generatorCpuShare > 0.95) console.log('        the generator used a whole core: this is a lower bound of what the server can do')
    if (one.serverWaitShare > 0.1) console.log('        the server waited for a core more than a tenth of the time: not a result on this machine')
  }
  for (const { name, share } of costs) console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name}`)
  for (const failure of failures) console.log(`failure: ${failure}`)
  console.log(held ? 'held: nothing lost, nothing doubled' : 'NOT HELD')
}

process.exitCode = (await run()) ? 0 : 1
