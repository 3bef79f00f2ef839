import { enrolMany } from '../../raw/many-devices.js'
import { RawEnrolment } from '../../raw/raw-device.js'
import type { Handle } from '../drivers/driver.js'
import { readEnvelopeHandle } from '../drivers/evegram-handles.js'
import { LatencyHistogram } from '../measure/latency-histogram.js'
import { monotonicUs } from '../measure/monotonic.js'
import { MailAudit, type MailCounts } from './mail-audit.js'
import { MailClient } from './mail-client.js'
import { MailStream } from './mail-stream.js'
import type { TaskContext } from './task.js'

/** Different reasons of failures that are kept. */
const REASONS_MAX = 16
/** What is on its way may take so long, and nothing may come for so long, before it is lost. */
const DRAIN_MS_MAX = 30_000
const QUIET_MS_MAX = 5_000
const LOOK_MS = 50
/** Clients that connect, and conversations that are made, at the same time. */
const AT_ONCE = 16

/** What a {@link MailWorld} hears of. */
export interface MailEvents {
  /** A message came for the first time. */
  readonly onFirst?: (client: number, plannedUs: number, how: 'live' | 'caught up') => void
  /** A connection ended by itself. */
  readonly onClosed?: (client: number, reason: string) => void
  /** A signal came; clients listen to them only with this. */
  readonly onSignal?: (client: number) => void
}

/** Clients of one process that come and go, the streams between them, and the audit of everything that arrives. */
export class MailWorld {
  readonly clients: readonly MailClient[]
  readonly audit = new MailAudit()
  readonly streams: MailStream[] = []
  readonly failures: Record<string, number> = {}
  readonly #payloadBytes: number
  readonly #handles = new Map<number, Handle>()

  private constructor(clients: (world: MailWorld) => readonly MailClient[], payloadBytes: number) {
    this.#payloadBytes = payloadBytes
    this.clients = clients(this)
  }

  /** Signs `count` clients in and connects them. */
  static async open(context: Pick<TaskContext, 'target' | 'onProgress'>, count: number, payloadBytes: number, events: MailEvents = {}): Promise<MailWorld> {
    const { target: { url, ws }, onProgress } = context
    const enrolment = await RawEnrolment.open(url)
    const devices = await enrolMany(enrolment, count, 1, { silent: true, onEnrolled: (done) => { onProgress('signing in', done, count) } })
    const world = new MailWorld((self) => devices.map((device, client) => new MailClient({
      device, ws: ws.replace('localhost', '127.0.0.1'), origin: enrolment.server.origin, payloadBytes,
      onDelivered: (payload, how) => {
        const stamp = self.audit.take(client, payload, how)
        if (stamp !== undefined) events.onFirst?.(client, stamp.plannedUs, how)
      },
      onClosed: (reason) => { events.onClosed?.(client, reason) },
      ...(events.onSignal === undefined ? {} : { onSignal: () => { events.onSignal?.(client) } }),
    })), payloadBytes)
    let connected = 0
    await inParallel(world.clients, AT_ONCE, async (client) => {
      await client.comeBack()
      onProgress('connecting', ++connected, count)
    })
    return world
  }

  /** A conversation in which client `sender` writes to `receivers`: to one, or a group of them. */
  async stream(sender: number, receivers: readonly number[], onAcknowledged?: (plannedUs: number) => void): Promise<MailStream> {
    const [from, to] = [this.#client(sender), receivers.map((receiver) => this.#client(receiver))]
    const handle = await from.client.found(to.length === 1 ? 'direct' : 'group', to.map(({ device: { account, device } }) => ({ account, device })))
    this.#handles.set(sender, handle)
    const number = this.streams.length
    const stream = new MailStream({
      stream: number, sender: from, conversation: readEnvelopeHandle(handle), receivers: receivers.length, payloadBytes: this.#payloadBytes,
      ...(onAcknowledged === undefined ? {} : { onAcknowledged }), onRefused: (reason) => { this.failed(reason) },
      onSentAgain: (message) => { this.audit.sentAgain(number, message) },
    })
    for (const receiver of receivers) this.audit.expect(receiver, number)
    this.streams.push(stream)
    return stream
  }

  /** Client `sender` types in the conversation that it made last, if it is connected. Whether a signal went out. */
  type(sender: number): boolean {
    const [handle, from] = [this.#handles.get(sender), this.#client(sender)]
    if (handle === undefined || !from.isConnected) return false
    from.client.signalTyping(handle)
    return true
  }

  /** Brings client `client` back; the time to its being caught up in microseconds. */
  async comeBack(client: number): Promise<number> {
    const fromUs = monotonicUs()
    this.audit.connected(client)
    await this.#client(client).comeBack()
    return monotonicUs() - fromUs
  }

  /** Brings clients back, so many at a time; how long each took, as a distribution. */
  async comeBackAll(clients: readonly number[], atOnce: number, onBack: (done: number) => void): Promise<LatencyHistogram> {
    const histogram = new LatencyHistogram()
    await inParallel(clients, atOnce, async (client) => {
      histogram.record(await this.comeBack(client))
      onBack(histogram.count)
    })
    return histogram
  }

  /** Counts what went wrong, by its reason. */
  failed(reason: string): void {
    if (reason in this.failures || Object.keys(this.failures).length < REASONS_MAX) this.failures[reason] = (this.failures[reason] ?? 0) + 1
  }

  /** Messages that were sent and not acknowledged so far. */
  get waiting(): number {
    return this.streams.reduce((sum, { waiting }) => sum + waiting, 0)
  }

  get acknowledged(): number {
    return this.streams.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  }

  counts(): MailCounts {
    return this.audit.counts(this.streams.map(({ sent }) => sent))
  }

  /** Waits until a stream has room for another message under way. Rejects when nothing is acknowledged for long. */
  async room(stream: MailStream, underWayMax: number): Promise<void> {
    const deadlineUs = monotonicUs() + DRAIN_MS_MAX * 1_000
    while (stream.waiting >= underWayMax) {
      if (monotonicUs() > deadlineUs) throw new Error(`no acknowledgement in ${String(DRAIN_MS_MAX / 1_000)} s: ${JSON.stringify(this.failures)}`)
      await sleep(1)
    }
  }

  /** Waits until everything is acknowledged (and, when `isDelivered`, delivered), or nothing comes any more. */
  async settled(isDelivered: boolean): Promise<void> {
    const deadlineUs = monotonicUs() + DRAIN_MS_MAX * 1_000
    let [last, quietUs] = [-1, 0]
    for (;;) {
      const left = this.waiting + (isDelivered ? this.counts().lost : 0)
      if (left === 0) return
      if (left !== last) [last, quietUs] = [left, monotonicUs()]
      if (monotonicUs() > Math.min(deadlineUs, quietUs + QUIET_MS_MAX * 1_000)) return
      await sleep(LOOK_MS)
    }
  }

  /** Ends all connections. */
  close(): void {
    for (const client of this.clients) client.leave()
  }

  #client(index: number): MailClient {
    const client = this.clients[index]
    if (client === undefined) throw new RangeError(`there is no client ${String(index)}`)
    return client
  }
}

/** Does `work` for all items, at most so many at a time. */
export async function inParallel<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    // All of them take from one iterator.
    for (const item of waiting) await work(item)
  }))
}

/** Resolves after `ms`. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
