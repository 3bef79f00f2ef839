import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LatencyHistogram } from '../measure/latency-histogram.js'
import type { HeldDevice } from './held-device.js'
import type { ConnectOrder, FromHolder, HolderCall, HolderCalls, HolderCounts } from './holder-calls.js'

/** Devices of one process: its descriptors end at 20,000 on common systems. */
export const DEVICES_PER_HOLDER_MAX = 18_000
/** A process runs the build, also when a test runs the source. */
const MODULE = fileURLToPath(new URL('../../../dist/load/connections/holder-process.js', import.meta.url))

/** Where everybody connects. */
export interface HolderPlace {
  readonly ws: string
  readonly origin: string
}

/** One process with its share of the devices. */
class HolderHandle {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void }>()
  #ids = 0

  constructor(onLive: (live: number) => void) {
    this.#child = fork(MODULE, [], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (sent) => {
      const message = sent as FromHolder // by holder-process.ts of the same build
      if (message.kind === 'live') return onLive(message.live)
      const asked = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.kind === 'answer') asked?.resolve(message.answer)
      else asked?.reject(new Error(message.message))
    })
    this.#child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`a holder of connections ended with ${signal ?? `code ${String(code)}`}`))
      this.#waiting.clear()
    })
  }

  /** Asks for something. Rejects when the process could not do it, or ended. */
  ask<Call extends HolderCall>(call: Call, order: HolderCalls[Call]['order']): Promise<HolderCalls[Call]['answer']> {
    const id = ++this.#ids
    return new Promise((resolve, reject) => {
      // The process answers each call with the type that the table names for it.
      this.#waiting.set(id, { resolve: (answer) => { resolve(answer as HolderCalls[Call]['answer']) }, reject })
      this.#child.send({ id, call, order })
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** All connections of a run, in as many processes as their descriptors ask for. */
export class HolderPool {
  readonly #handles: readonly HolderHandle[]
  readonly #live: number[]
  #onLive: (live: number) => void = () => undefined

  private constructor(count: number) {
    this.#live = Array.from({ length: count }, () => 0)
    this.#handles = this.#live.map((_, holder) => new HolderHandle((live) => {
      this.#live[holder] = live
      this.#onLive(this.#live.reduce((sum, one) => sum + one, 0))
    }))
  }

  /** Starts the processes and gives each its devices; nobody connects yet. */
  static async open(devices: readonly HeldDevice[], { ws, origin }: HolderPlace): Promise<HolderPool> {
    const { hostname, port, host } = new URL(ws)
    const isLoopback = hostname === 'localhost' || hostname === '127.0.0.1'
    const pool = new HolderPool(Math.max(1, Math.ceil(devices.length / DEVICES_PER_HOLDER_MAX)))
    const share = Math.ceil(devices.length / pool.#handles.length)
    try {
      await Promise.all(pool.#handles.map((handle, holder) => handle.ask('hold', {
        holder, devices: devices.slice(holder * share, (holder + 1) * share), host: isLoopback ? '127.0.0.1' : hostname, port: Number(port), hostName: host, origin, isLoopback,
      })))
    } catch (error) {
      pool.close()
      throw error
    }
    return pool
  }

  /** Connects everybody who is not there; `order.atOnce` is of all processes together. Resolves with the times that it took. */
  async connect({ atOnce, sinceMs }: ConnectOrder, onLive: (live: number) => void): Promise<LatencyHistogram> {
    this.#onLive = onLive
    const histogram = new LatencyHistogram()
    const share = Math.max(1, Math.round(atOnce / this.#handles.length))
    for (const times of await Promise.all(this.#handles.map((handle) => handle.ask('connect', { atOnce: share, sinceMs })))) histogram.addEncoded(times)
    return histogram
  }

  /** Cuts every connection. */
  async cut(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.ask('cut', undefined)))
  }

  /** What all of them counted; `message` is the number of a message that everybody has to have. */
  async counts(message = 0): Promise<HolderCounts> {
    const all = await Promise.all(this.#handles.map((handle) => handle.ask('counts', message)))
    const failures = new Map<string, number>()
    for (const one of all) for (const [reason, count] of one.failures) failures.set(reason, (failures.get(reason) ?? 0) + count)
    const sum = (field: 'live' | 'disconnected' | 'duplicated' | 'putOff' | 'received'): number => all.reduce((total, one) => total + one[field], 0)
    return { live: sum('live'), disconnected: sum('disconnected'), duplicated: sum('duplicated'), putOff: sum('putOff'), received: sum('received'), failures }
  }

  /** Ends all processes, and with them the connections. */
  close(): void {
    for (const handle of this.#handles) handle.kill()
  }
}
