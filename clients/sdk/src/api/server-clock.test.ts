import { describe, expect, it } from 'vitest'
import { ManualClock } from '../testing/manual-clock.js'
import { ServerClock } from './server-clock.js'

describe('server clock', () => {
  it('is the wall clock before the server spoke', () => {
    expect(new ServerClock(new ManualClock(1_000)).now()).toBe(1_000)
  })

  it('places the answer in the middle of its round trip', async () => {
    const clock = new ManualClock(0)
    const server = new ServerClock(clock)
    await clock.advance(100)
    server.observe(5_000, 60, 100)
    expect(server.now()).toBe(5_020)
    await clock.advance(50)
    expect(server.now()).toBe(5_070)
    expect(server.wallAheadMs).toBe(150 - 5_070)
  })

  it('keeps the answer of the shortest round trip, until it is old', async () => {
    const clock = new ManualClock(0)
    const server = new ServerClock(clock)
    server.observe(1_000, 0, 0)
    await clock.advance(2_000)
    server.observe(9_000, 0, 2_000)
    expect(server.now()).toBe(3_000)
    await clock.advance(700_000)
    server.observe(1_000_000, 701_000, 702_000)
    expect(server.now()).toBe(1_000_500)
  })

  it('does not follow a step of the wall clock', async () => {
    const clock = new ManualClock(50_000)
    const server = new ServerClock(clock)
    server.observe(60_000, 0, 0)
    clock.setWall(1)
    await clock.advance(10)
    expect(server.now()).toBe(60_010)
  })
})
