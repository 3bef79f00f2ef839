import { clockOffset, type ClockOffset, type ClockSample } from '../measure/clock-offset.js'
import { monotonicUs } from '../measure/monotonic.js'
import type { Handle } from '../drivers/driver.js'
import type { LoadConfig } from '../config.js'
import type { DriverName } from '../drivers/driver-names.js'
import type { Cast } from '../plan/cast.js'
import { partitionCast } from '../plan/partition.js'
import type { FoundOrder, JoinOrder, Tick, WorkerFigures, WorkerReport } from './worker-calls.js'
import { WorkerHandle } from './worker-handle.js'

const CLOCK_SAMPLES = 16

/** What the pool is made for. */
export interface PoolOptions {
  readonly workers: number
  readonly driver: DriverName
  readonly url: string
  readonly ws: string
  readonly payloadBytes: number
  readonly payload: LoadConfig['payload']
  readonly cast: Cast
  /** How many of the clients are signed in and connected: of twice their number. */
  readonly onReady: (done: number) => void
  readonly onTick: (tick: Tick) => void
}

/** The worker processes of a run, with all clients of the cast in them. */
export class WorkerPool {
  readonly #options: PoolOptions
  readonly #handles: readonly WorkerHandle[]
  readonly #workerOf: readonly number[]

  constructor(options: PoolOptions) {
    this.#options = options
    this.#workerOf = partitionCast(options.cast, options.workers)
    const ready = Array.from({ length: options.workers }, () => 0)
    this.#handles = ready.map((_, worker) => new WorkerHandle(`worker ${String(worker)}`, {
      onReady: (done) => {
        ready[worker] = done
        options.onReady(ready.reduce((sum, one) => sum + one, 0))
      },
      onTick: options.onTick,
    }))
  }

  get pids(): readonly number[] {
    return this.#handles.flatMap(({ pid }) => pid ?? [])
  }

  /** How far the clock of each worker is from the one here. */
  async clocks(): Promise<readonly (ClockOffset & { readonly worker: number })[]> {
    return Promise.all(this.#handles.map(async (handle, worker) => {
      const samples: ClockSample[] = []
      for (let index = 0; index < CLOCK_SAMPLES; index++) {
        const askedUs = monotonicUs()
        const theirsUs = await handle.ask('clock', undefined)
        samples.push({ askedUs, theirsUs, answeredUs: monotonicUs() })
      }
      return { worker, ...clockOffset(samples) }
    }))
  }

  /** Signs all clients in, connects them, and makes all conversations. */
  async prepare(): Promise<void> {
    const { driver, url, ws, payloadBytes, payload, cast } = this.#options
    await this.each((handle, worker) => handle.ask('prepare', { driver, url, ws, worker, payloadBytes, payload, clients: this.#clientsOf(worker) }))
    const handles = new Map<number, Handle>()
    await this.each(async (handle, worker) => {
      const orders: FoundOrder[] = cast.conversations.flatMap(({ kind, members }, conversation) => (this.#workerOf[members[0] ?? 0] === worker ? [{ conversation, kind, members }] : []))
      for (const founded of await handle.ask('found', orders)) handles.set(founded.conversation, founded.handle)
    })
    let streams = 0
    const joins = cast.conversations.map(({ kind, members, senders }, conversation): JoinOrder => {
      const handle = handles.get(conversation)
      if (handle === undefined) throw new Error(`conversation ${String(conversation)} was not made`)
      return { conversation, kind, handle, members, memberCount: members.length, senders: senders.map((client) => ({ client, stream: streams++ })) }
    })
    await this.each((handle, worker) => {
      const here = joins.map((join) => ({ ...join, members: join.members.filter((member) => this.#workerOf[member] === worker) }))
      return handle.ask('join', here.filter(({ members }) => members.length > 0))
    })
  }

  /** Senders of each worker: the load is shared by them. */
  sendersOf(): readonly number[] {
    const counts = this.#handles.map(() => 0)
    for (const { senders } of this.#options.cast.conversations) {
      for (const sender of senders) {
        const worker = this.#workerOf[sender] ?? 0
        counts[worker] = (counts[worker] ?? 0) + 1
      }
    }
    return counts
  }

  /** Asks every worker, with what `work` does for each. */
  each<Answer>(work: (handle: WorkerHandle, worker: number) => Promise<Answer>): Promise<readonly Answer[]> {
    return Promise.all(this.#handles.map(work))
  }

  reports(): Promise<readonly WorkerReport[]> {
    return this.each((handle) => handle.ask('report', undefined))
  }

  figures(): Promise<readonly WorkerFigures[]> {
    return this.each((handle) => handle.ask('figures', undefined))
  }

  /** Ends all connections and processes. Safe to call at any time. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#handles.map((handle) => handle.ask('end', undefined)))
    for (const handle of this.#handles) handle.kill()
  }

  #clientsOf(worker: number): readonly number[] {
    return this.#workerOf.flatMap((one, client) => (one === worker ? [client] : []))
  }
}
