import { monotonicUs } from '../measure/monotonic.js'
import { LatencyHistogram } from '../measure/latency-histogram.js'
import type { HeldDevice } from './held-device.js'
import type { ConnectOrder, HolderCounts, HolderOrder } from './holder-calls.js'
import { LeanClient } from './lean-client.js'

/** Connections from one source address: a pair of addresses has 28,000 ports. */
const CONNECTIONS_PER_ADDRESS = 4_000
/** Addresses of loopback that one holder uses; the first ones of all are those of other programs. */
const ADDRESSES_PER_HOLDER = 8
const FIRST_ADDRESS = 2
/** Each client pings in this interval, below `heartbeatMs` of the protocol; they take turns. */
const PING_MS = 20_000
const PING_TURNS = 100
/** Tries of one client that fail otherwise than by being put off. */
const TRIES_MAX = 5
const AFTER_FAILURE_MS = 500
/** Different reasons of failures that are kept. */
const REASONS_MAX = 16

interface Held {
  readonly device: HeldDevice
  client: LeanClient | undefined
  isLive: boolean
  /** Number of the last message that came, and how often it came on this connection. */
  lastMessage: number
  timesOnConnection: number
}

/** The clients of one process: connects them, keeps them there, cuts them off, and counts what came to them. */
export class Holder {
  readonly #order: HolderOrder
  readonly #held: readonly Held[]
  readonly #failures = new Map<string, number>()
  readonly #pinging: NodeJS.Timeout
  #turn = 0
  #disconnected = 0
  #duplicated = 0
  #putOff = 0

  constructor(order: HolderOrder) {
    this.#order = order
    this.#held = order.devices.map((device) => ({ device, client: undefined, isLive: false, lastMessage: 0, timesOnConnection: 0 }))
    this.#pinging = setInterval(() => { this.#pingSome() }, PING_MS / PING_TURNS)
  }

  /** Connects everybody who is not there, `atOnce` at a time. Resolves with the times from the first try to being caught up, encoded, when nobody is left who may come. */
  async connect({ atOnce, sinceMs }: ConnectOrder, onProgress: (live: number) => void): Promise<string> {
    const histogram = new LatencyHistogram()
    const waiting = this.#held.map((held, index) => ({ held, index })).filter(({ held }) => !held.isLive)
    let live = this.#held.length - waiting.length
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const fromUs = monotonicUs()
        if (!await this.#come(next.held, next.index, sinceMs)) continue
        histogram.record(monotonicUs() - fromUs)
        onProgress(++live)
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, waiting.length) }, work))
    return histogram.encode()
  }

  /** Cuts every connection without a word, as a network does that goes away. */
  cut(): void {
    for (const held of this.#held) this.#leave(held)
  }

  counts(message: number): HolderCounts {
    return {
      live: this.#held.filter(({ isLive }) => isLive).length, disconnected: this.#disconnected, duplicated: this.#duplicated, putOff: this.#putOff,
      received: this.#held.filter(({ lastMessage }) => lastMessage >= message).length, failures: new Map(this.#failures),
    }
  }

  /** Ends everything. */
  end(): void {
    clearInterval(this.#pinging)
    this.cut()
  }

  async #come(held: Held, index: number, sinceMs: number): Promise<boolean> {
    for (let failed = 0; failed < TRIES_MAX;) {
      const outcome = await this.#try(held, index, sinceMs)
      if (outcome === 'live') return true
      if (outcome.retryAfterMs !== undefined) {
        this.#putOff++
        await sleep(outcome.retryAfterMs)
        continue
      }
      failed++
      this.#failed(outcome.reason)
      await sleep(AFTER_FAILURE_MS)
    }
    return false
  }

  #try(held: Held, index: number, sinceMs: number): Promise<'live' | { readonly reason: string; readonly retryAfterMs: number | undefined }> {
    const { host, port, hostName, origin, isLoopback } = this.#order
    return new Promise((resolve) => {
      held.timesOnConnection = 0
      held.client = new LeanClient({
        device: held.device, host, port, hostName, origin, sinceMs, localAddress: isLoopback ? this.#addressOf(index) : undefined,
        onMessage: (number) => { this.#onMessage(held, number) },
        onLive: () => {
          held.isLive = true
          resolve('live')
        },
        onEnd: (reason, retryAfterMs) => {
          held.client = undefined
          if (held.isLive) {
            this.#disconnected++
            this.#failed(`while it was held: ${reason}`)
          }
          held.isLive = false
          resolve({ reason, retryAfterMs })
        },
      })
    })
  }

  #onMessage(held: Held, number: number): void {
    if (number !== held.lastMessage) held.timesOnConnection = 0
    held.lastMessage = number
    // What comes once more on a connection was doubled; on the next one it may come again, because a catch-up begins before the cursor.
    if (++held.timesOnConnection > 1) this.#duplicated++
  }

  #leave(held: Held): void {
    held.client?.cut()
    held.client = undefined
    held.isLive = false
  }

  #pingSome(): void {
    this.#turn = (this.#turn + 1) % PING_TURNS
    for (let index = this.#turn; index < this.#held.length; index += PING_TURNS) {
      const held = this.#held[index]
      if (held?.isLive === true) held.client?.ping()
    }
  }

  #addressOf(index: number): string {
    const place = FIRST_ADDRESS + this.#order.holder * ADDRESSES_PER_HOLDER + Math.floor(index / CONNECTIONS_PER_ADDRESS)
    return `127.0.${String(1 + Math.floor(place / 250))}.${String(place % 250 + 1)}`
  }

  #failed(reason: string): void {
    if (this.#failures.has(reason) || this.#failures.size < REASONS_MAX) this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
