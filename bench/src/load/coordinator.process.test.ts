import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import type { LoadConfig } from './config.js'
import { runLoad, type RunEvents } from './coordinator.js'
import { RELAY_HEADER_BYTES, RELAY_WELCOME } from './drivers/relay-protocol.js'
import { judgeRun } from './judge.js'
import { parseThreshold, type Threshold } from './measure/thresholds.js'
import type { LoadResult, Unjudged } from './result.js'
import oneToOne from './scenarios/one-to-one.js'
import type { Target } from './targets/target.js'

const SILENT: RunEvents = { onPreparing: () => undefined, onProgress: () => undefined, onPhase: () => undefined }
const CLIENTS = 4

/** A relay that hands on what it gets as `handOn` says; the workers are real processes. */
class BadRelay {
  handOn: (socket: WebSocket, payload: Buffer, number: number) => void = (socket, payload) => { socket.send(payload) }
  readonly #server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  readonly #clients = new Map<number, WebSocket>()

  /** Resolves when it listens. */
  static async start(): Promise<BadRelay> {
    const relay = new BadRelay()
    await once(relay.#server, 'listening')
    return relay
  }

  private constructor() {
    this.#server.on('connection', (socket, request) => {
      this.#clients.set(Number(new URL(request.url ?? '/', 'ws://relay').searchParams.get('id')), socket)
      socket.on('message', (message: Buffer) => {
        const [to, payload] = [this.#clients.get(message.readUInt32BE(1)), Buffer.from(message.subarray(RELAY_HEADER_BYTES))]
        // The number in the payload's stamp: each stream counts from 1.
        if (to !== undefined) this.handOn(to, payload, payload.readUInt32BE(8))
      })
      socket.send(Uint8Array.of(RELAY_WELCOME))
    })
  }

  get target(): Target {
    const ws = `ws://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`
    return { driver: 'ws', description: 'a bad relay', url: ws, ws, pids: [], cost: () => undefined, eventLoopDelayMs: async () => undefined, dispose: async () => undefined }
  }

  drop(): void {
    for (const socket of this.#clients.values()) socket.terminate()
  }

  close(): void {
    this.drop()
    this.#server.close()
  }
}

function config(loop: LoadConfig['loop'], workers = 2): LoadConfig {
  return { scenario: 'one-to-one', driver: 'ws', clients: CLIENTS, payloadBytes: 64, payload: 'opaque', seed: 'planted', workers, warmUpSeconds: 0.5, loop, pinned: false }
}
const OPEN = { kind: 'open', stages: [{ seconds: 1.5, fromPerSecond: 80, toPerSecond: 80 }], arrivals: 'poisson' } as const

describe('a run against a relay', () => {
  let relay: BadRelay
  beforeEach(async () => { relay = await BadRelay.start() })
  afterEach(() => { relay.close() })
  const run = (loop: LoadConfig['loop'], abortOn: readonly Threshold[] = []): Promise<Unjudged> =>
    runLoad({ config: config(loop), cast: oneToOne.cast(CLIENTS), target: relay.target, abortOn, events: SILENT })
  const judged = (result: Unjudged): LoadResult => judgeRun(result, { thresholds: [], isCountersOnly: true })

  it('that is honest finds nothing, counts everything, and sends what was planned', async () => {
    const result = judged(await run(OPEN))
    const { counters, latency, timeline, clocks } = result
    expect(result.verdict).toBe('pass')
    // 160 planned with the warm-up; five standard deviations of a Poisson process are 63.
    expect(Math.abs(counters.sent - 160)).toBeLessThan(63)
    expect(counters).toMatchObject({ delivered: counters.sent, expected: counters.sent, lost: 0, duplicated: 0, reordered: 0, undecryptable: 0 })
    expect(latency.delivery.count).toBeLessThan(counters.sent)
    expect(latency.delivery.count).toBeGreaterThan(0)
    expect(latency.acknowledgement).toBeNull()
    expect(timeline.length).toBeGreaterThanOrEqual(3)
    expect(timeline[0]).toMatchObject({ isWarmUp: true, planned: 80 })
    expect(clocks).toHaveLength(2)
  })

  it('that loses, doubles, swaps and changes messages is found out', async () => {
    const held = new Map<number, Buffer>()
    relay.handOn = (socket, payload, number) => {
      const stream = payload.readUInt32BE(4)
      switch (number) {
        case 3: return
        case 5: socket.send(payload); socket.send(payload); return
        case 7: held.set(stream, payload); return
        case 8: socket.send(payload); socket.send(held.get(stream) ?? payload); return
        case 10: payload[9] = (payload[9] ?? 0) ^ 1; socket.send(payload); return
        default: socket.send(payload)
      }
    }
    const { verdict, counters } = judged(await run(OPEN))
    expect(verdict).toBe('breach')
    // In each of the four streams: number 3 is lost, and so is 10, which came changed.
    expect(counters).toMatchObject({ duplicated: 4, undecryptable: 4, lost: 8, reordered: 4 })
  })

  it('that ends connections is found out', async () => {
    relay.handOn = (socket, payload, number) => { if (number === 10) relay.drop(); else socket.send(payload) }
    const { verdict, counters } = judged(await run(OPEN))
    expect(verdict).toBe('breach')
    expect(counters.disconnected).toBe(CLIENTS)
  })

  it('goes on as fast as deliveries come in a closed loop, with no more under way than was asked for', async () => {
    const underWay = new Map<number, number>()
    let most = 0
    relay.handOn = (socket, payload) => {
      const stream = payload.readUInt32BE(4)
      underWay.set(stream, (underWay.get(stream) ?? 0) + 1)
      most = Math.max(most, underWay.get(stream) ?? 0)
      setTimeout(() => {
        underWay.set(stream, (underWay.get(stream) ?? 0) - 1)
        socket.send(payload)
      }, 5)
    }
    const { counters, latency } = judged(await run({ kind: 'closed', window: 3, seconds: 1 }))
    expect(most).toBe(3)
    expect(counters.sent).toBeGreaterThan(4 * 3 * 5)
    expect(counters.lost).toBe(0)
    expect(latency.sendLag).toBeNull()
  })

  it('ends early when a threshold is broken for good', async () => {
    relay.handOn = (socket, payload) => { socket.send(payload); socket.send(payload) }
    const result = await run({ kind: 'open', stages: [{ seconds: 20, fromPerSecond: 80, toPerSecond: 80 }], arrivals: 'constant' }, [parseThreshold('duplicated==0')])
    expect(result.isAborted).toBe(true)
    expect(result.measuredSeconds).toBeLessThan(15)
  })
})
