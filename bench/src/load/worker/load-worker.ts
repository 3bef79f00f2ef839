import type { Driver, DriverClient, DriverConversation } from '../drivers/driver.js'
import { makeDriver } from '../drivers/make-driver.js'
import { inParallel } from '../in-parallel.js'
import { DeliveryAudit } from '../measure/delivery-audit.js'
import { closedPacer, openPacer, type Pacer } from './pacer.js'
import { SendingStream } from './streams.js'
import type { FoundOrder, JoinOrder, PrepareOrder, RunOrder, Tick, WorkerCalls, WorkerFigures, WorkerReport } from './worker-calls.js'
import { WorkerMeter } from './worker-meter.js'

/** Clients that connect, and conversations that are made or joined, at the same time. */
const AT_ONCE = 32
/** Different reasons of failures that are kept. */
const REASONS_MAX = 32
/** Why a driver refused a message that it never gave to the system. */
const GENERATOR_PREFIX = 'generator:'

/** The clients of one worker process: connects them, sends as planned, and checks and times what arrives. */
export class LoadWorker {
  readonly #order: PrepareOrder
  readonly #driver: Driver
  readonly #clients = new Map<number, DriverClient>()
  readonly #streams = new Map<number, SendingStream>()
  readonly #audit = new DeliveryAudit()
  readonly #meter = new WorkerMeter()
  readonly #failures = new Map<string, number>()
  #disconnected = 0
  #unsent = 0
  #pacer: Pacer | undefined

  private constructor(order: PrepareOrder) {
    this.#order = order
    this.#driver = makeDriver(order.driver, order)
  }

  /** Makes the clients known and connects them; `onReady` hears how far that is, of twice their number. */
  static async prepare(order: PrepareOrder, onReady: (done: number) => void): Promise<LoadWorker> {
    const worker = new LoadWorker(order)
    await worker.#driver.enrol(order.clients.length, onReady)
    let connected = 0
    await inParallel(order.clients.map((client, index) => ({ client, index })), AT_ONCE, async ({ client, index }) => {
      worker.#clients.set(client, await worker.#driver.connect(index, {
        delivered: (payload) => { worker.#onDelivered(client, payload) },
        closed: (reason) => {
          worker.#disconnected++
          worker.#failed(reason)
        },
      }))
      onReady(order.clients.length + ++connected)
    })
    return worker
  }

  /** Makes conversations; other workers may have members of channels. */
  async found(orders: readonly FoundOrder[]): Promise<WorkerCalls['found']['answer']> {
    const founded: { readonly conversation: number; readonly handle: WorkerCalls['found']['answer'][number]['handle'] }[] = []
    await inParallel(orders, AT_ONCE, async ({ conversation, kind, members }) => {
      const [founder, ...others] = members
      const addresses = kind === 'channel' ? [] : others.map((other) => this.#driver.addressOf(this.#order.clients.indexOf(other)))
      founded.push({ conversation, handle: await this.#client(founder).found(kind, addresses) })
    })
    return founded
  }

  /** Lets the clients who are here take part. */
  async join(orders: readonly JoinOrder[]): Promise<void> {
    await inParallel(orders.flatMap((order) => order.members.map((member) => ({ order, member }))), AT_ONCE, async ({ order, member }) => {
      const sender = order.senders.find(({ client }) => client === member)
      for (const { client, stream } of order.senders) if (client !== member) this.#audit.expect(member, stream)
      const stream = sender === undefined ? undefined : new SendingStream({
        stream: sender.stream, receivers: order.memberCount - 1, receiversHere: order.members.length - 1, acknowledges: this.#driver.facts.acknowledges !== 'nothing',
        payloadBytes: this.#order.payloadBytes,
      })
      // Before anybody can send: whoever sends first must be found.
      if (stream !== undefined) this.#streams.set(stream.stream, stream)
      const conversation = await this.#joined(order, member, stream)
      stream?.attach(conversation)
    })
  }

  /** Sends as it is told. Resolves when the last message was sent, or when it was stopped. */
  async run(order: RunOrder, onTick: (tick: Tick) => void): Promise<void> {
    const streams = [...this.#streams.values()]
    const onSend = (plannedUs: number, nowUs: number): void => { this.#meter.sent(plannedUs, nowUs, order.loop.kind === 'open') }
    this.#pacer = order.loop.kind === 'open'
      ? openPacer({ loop: order.loop, streams, startUs: order.startUs, seed: `${order.seed}/${String(this.#order.worker)}`, onSend })
      : closedPacer({ loop: order.loop, streams, startUs: order.startUs, onSend })
    this.#meter.start(order, onTick)
    await this.#pacer.finished
    this.#meter.sendingEnded()
  }

  /** Ends sending early. */
  stop(): void {
    this.#pacer?.stop()
  }

  report(): WorkerReport {
    return {
      ...this.#audit.counts(),
      streams: [...this.#streams.values()].map(({ stream, sent, acknowledged, refused, receivers }) => ({ stream, sent, acknowledged, refused, receivers })),
      disconnected: this.#disconnected, unsent: this.#unsent, failures: new Map(this.#failures),
    }
  }

  figures(): WorkerFigures {
    return this.#meter.figures()
  }

  /** Ends all connections. */
  async end(): Promise<void> {
    this.stop()
    this.#meter.end()
    for (const client of this.#clients.values()) client.close()
    await this.#driver.close()
  }

  #joined(order: JoinOrder, member: number, stream: SendingStream | undefined): Promise<DriverConversation> {
    return this.#client(member).join(order.kind, order.handle, {
      acknowledged: (plannedUs) => {
        if (stream === undefined) return
        stream.acknowledged++
        this.#meter.acknowledged(plannedUs)
        this.#pacer?.onProgress(stream)
      },
      refused: (_plannedUs, reason) => {
        if (stream === undefined) return
        stream.refused++
        if (reason.startsWith(GENERATOR_PREFIX)) this.#unsent++
        this.#meter.refused()
        this.#failed(reason)
        this.#pacer?.onProgress(stream)
      },
    })
  }

  #onDelivered(client: number, payload: Uint8Array): void {
    const stamp = this.#audit.take(client, payload)
    this.#meter.delivered(stamp?.plannedUs)
    if (stamp === undefined) return
    const stream = this.#streams.get(stamp.stream)
    if (stream === undefined) return
    stream.delivered()
    this.#pacer?.onProgress(stream)
  }

  #failed(reason: string): void {
    if (this.#failures.has(reason) || this.#failures.size < REASONS_MAX) this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1)
  }

  #client(number: number | undefined): DriverClient {
    const client = number === undefined ? undefined : this.#clients.get(number)
    if (client === undefined) throw new RangeError(`client ${String(number)} is not in this worker`)
    return client
  }
}
