import { LIMITS } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryNodeRegistry } from '../adapters/memory/node-registry.js'
import { ClockLease, LEASE_MS, LOOP_GAP_MS_MAX, SLEEP_MS_MAX } from './clock-lease.js'
import { VirtualClock } from './cluster.fixture.js'
import { createEngineMetrics } from './metrics.js'
import { PositionClock } from './position-clock.js'

class MoodyRegistry extends MemoryNodeRegistry {
  offsetMs = 0
  failure: Error | undefined
  hangs = false
  asked = 0
  override async referenceMs(): Promise<number> {
    this.asked++
    if (this.hangs) await new Promise(() => undefined)
    if (this.failure !== undefined) throw this.failure
    return await super.referenceMs() + this.offsetMs
  }
}

let clock: VirtualClock
let registry: MoodyRegistry
let positions: PositionClock
let lease: ClockLease
const metrics = createEngineMetrics()

beforeEach(() => {
  clock = new VirtualClock()
  registry = new MoodyRegistry(clock)
  positions = new PositionClock(clock, 1, 0)
  lease = new ClockLease({ clock, positions, registry, metrics })
  lease.start()
})

describe('ClockLease', () => {
  it('is not held before a comparison, and held while comparisons succeed', async () => {
    expect(lease.held()).toBe(false)
    expect(await lease.acquire()).toBe(true)
    await clock.advance(30_000)
    expect(lease.held()).toBe(true)
    lease.stop()
  })

  it('runs out one second after the last comparison', async () => {
    await lease.acquire()
    registry.failure = new Error('no store')
    await clock.advance(LEASE_MS)
    expect(lease.held()).toBe(true)
    await clock.advance(1)
    expect(lease.held()).toBe(false)
    expect(lease.confirmed()).toBe(true)
    await clock.advance(LEASE_MS + 1)
    expect(lease.confirmed()).toBe(false)
    registry.failure = undefined
    expect(await lease.acquire()).toBe(true)
    lease.stop()
  })

  it('is void after a gap of the event loop, until a comparison that began behind the gap', async () => {
    await lease.acquire()
    clock.suspend(LOOP_GAP_MS_MAX + 50)
    expect(lease.held()).toBe(false)
    const asked = registry.asked
    expect(await lease.acquire()).toBe(true)
    expect(registry.asked).toBe(asked + 1)
    lease.stop()
  })

  it('is refused while this clock is ahead of the reference by more than the skew, and taken where the clock can follow', async () => {
    registry.offsetMs = -LIMITS.maxSkewMs - 1
    expect(await lease.acquire()).toBe(false)
    registry.offsetMs = -LIMITS.maxSkewMs + 1
    expect(await lease.acquire()).toBe(true)
    registry.offsetMs = 3_600_000
    await clock.advance(1_000)
    expect(lease.held()).toBe(true)
    expect(positions.nowMs()).toBeGreaterThan(clock.now() + 3_599_000)
    expect(metrics.clockJumps.value).toBe(1)
    lease.stop()
  })

  it('is not acquired from a store that does not answer, and that takes a bounded time', async () => {
    registry.hangs = true
    const acquired = lease.acquire()
    await clock.advance(LEASE_MS + 10)
    expect(await acquired).toBe(false)
    lease.stop()
  })

  it('says with every comparison that the node is up', async () => {
    await clock.advance(20_000)
    expect(await registry.peers(1_000)).toEqual([1])
    lease.stop()
    await clock.advance(2_000)
    expect(await registry.peers(1_000)).toEqual([])
  })

  it('is void after a sleep that the monotonic clock did not count, and a clock that is set costs one comparison', async () => {
    await lease.acquire()
    await clock.advance(100)
    clock.stepWall(SLEEP_MS_MAX + 1)
    expect(lease.held()).toBe(false)
    const asked = registry.asked
    expect(await lease.acquire()).toBe(true)
    expect(registry.asked).toBe(asked + 1)
    clock.stepWall(-60_000)
    expect(lease.held()).toBe(true)
    lease.stop()
  })
})
