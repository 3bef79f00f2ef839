import { EventEmitter } from 'node:events'
import { EvegramError } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from './manual-clock.js'
import { END_WITHIN_MS, runService, type RunningService, type ServiceHost } from './service-process.js'

class Host extends EventEmitter implements ServiceHost {
  readonly sent: unknown[] = []
  readonly exits: number[] = []
  connected: boolean | undefined = true
  send = (message: unknown): void => { this.sent.push(message) }
  exit = (code: number): void => { this.exits.push(code) }
}

const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

let host: Host
let clock: ManualClock
let lines: string[]
let stops: number

const service = (stop: () => Promise<void> = () => Promise.resolve()): RunningService => ({ ports: { ws: 1, admin: 2 }, stop: () => {
  stops++
  return stop()
} })
const run = async (start: () => Promise<RunningService>): Promise<void> => {
  runService({ name: 'engine', clock, host, start, complain: (line) => lines.push(line) })
  await settle()
}

beforeEach(() => {
  host = new Host()
  clock = new ManualClock()
  lines = []
  stops = 0
})

describe('a service as a process', () => {
  it('tells its parent where it listens, and drains once when it is told to end', async () => {
    await run(() => Promise.resolve(service()))
    expect(host.sent).toEqual([{ kind: 'listening', ports: { ws: 1, admin: 2 } }])
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM', 'disconnect']) host.emit(signal)
    await settle()
    expect([host.exits, stops]).toEqual([[0], 1])
  })

  it('ends all the same when something hangs', async () => {
    await run(() => Promise.resolve(service(() => new Promise(() => undefined))))
    host.emit('SIGTERM')
    clock.advance(END_WITHIN_MS - 1)
    await settle()
    expect(host.exits).toEqual([])
    clock.advance(1)
    await settle()
    expect(host.exits).toEqual([1])
    expect(END_WITHIN_MS).toBeLessThan(10_000)
  })

  it('ends at once while it is still starting, and when its parent went meanwhile', async () => {
    await run(() => new Promise(() => undefined))
    host.emit('SIGTERM')
    expect(host.exits).toEqual([0])
    host = new Host()
    host.connected = false
    await run(() => Promise.resolve(service()))
    await settle()
    expect([host.exits, host.sent, stops]).toEqual([[0], [], 1])
  })

  it('says in one line why it cannot run, with code 2 for what somebody has to change', async () => {
    await run(() => Promise.reject(new EvegramError('invalid.config', { advice: 'Correct EVEGRAM_NATS.' })))
    await run(() => Promise.reject(new EvegramError('unavailable.store')))
    await run(() => Promise.reject(new Error('a fault')))
    expect(host.exits).toEqual([2, 1, 1])
    expect(lines[0]).toBe('engine cannot run: Correct EVEGRAM_NATS. (invalid.config)')
    expect(lines[2]).toContain('a fault')
  })
})
