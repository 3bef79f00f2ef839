import { silentLogger } from '@evegram/platform'
import { decodeChannelPost, emptyChannelState, LIMITS, positionAtTime } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { MemoryChannelLog } from '../adapters/memory/channel-log.js'
import { MemoryEnvelopeLog } from '../adapters/memory/envelope-log.js'
import { samplePost, stateBehind } from '../ports/sample-channel.contract.js'
import { sampleConversation, sampleEnvelope } from '../ports/sample-envelope.contract.js'
import { VirtualClock } from './cluster.fixture.js'
import { Retention, RETENTION_INTERVAL_MS } from './retention.js'

/** A position clock that says the true time, and that others agree with. */
const CONFIRMED = (clock: VirtualClock) => ({ positions: { nowMs: () => clock.now() }, clockLease: { acquire: () => Promise.resolve(true) } })

describe('Retention', () => {
  it('deletes what got too old, in steps, and nothing younger', async () => {
    const clock = new VirtualClock()
    const log = new MemoryEnvelopeLog()
    const conversation = sampleConversation(1)
    const beginMs = clock.now() - LIMITS.retentionMs
    for (let number = 0; number < 2_500; number++) {
      await log.append({ conversation, envelope: sampleEnvelope({ conversation, number }), position: positionAtTime(beginMs - 2_000 + number) }, [])
    }
    const retention = new Retention({ clock, ...CONFIRMED(clock), logs: [log], logger: silentLogger })
    retention.start()
    await clock.advance(1_000)
    expect((await log.read(conversation, positionAtTime(0), 10_000)).map(({ position }) => position.timeMs)).toEqual(Array.from({ length: 500 }, (_, index) => beginMs + index))
    await clock.advance(RETENTION_INTERVAL_MS + 1_000)
    expect(await log.read(conversation, positionAtTime(0), 10_000)).toEqual([])
    retention.stop()
  })

  it('deletes old posts of channels too', async () => {
    const clock = new VirtualClock()
    const channels = new MemoryChannelLog()
    let state = emptyChannelState(sampleConversation(1))
    for (const ageMs of [2_000, 1_000, -1_000]) {
      const post = samplePost(state, { atMs: clock.now() - LIMITS.retentionMs - ageMs })
      await channels.append(state, [post])
      state = stateBehind(state, post)
    }
    const retention = new Retention({ clock, ...CONFIRMED(clock), logs: [new MemoryEnvelopeLog(), channels], logger: silentLogger })
    retention.start()
    await clock.advance(1_000)
    retention.stop()
    expect((await channels.read(state.channel, 0, 10)).map((post) => decodeChannelPost(post).seq)).toEqual([3])
  })

  it('tries again after a failure', async () => {
    const clock = new VirtualClock()
    const log = new MemoryEnvelopeLog()
    let trims = 0
    log.trim = async () => {
      trims++
      throw new Error('no store')
    }
    const retention = new Retention({ clock, ...CONFIRMED(clock), logs: [log], logger: silentLogger })
    retention.start()
    await clock.advance(3 * RETENTION_INTERVAL_MS)
    expect(trims).toBe(4)
    retention.stop()
    await clock.advance(3 * RETENTION_INTERVAL_MS)
    expect(trims).toBe(4)
  })

  it('deletes nothing by a wall clock that was set ahead, nor by a clock that is not confirmed', async () => {
    const clock = new VirtualClock()
    const log = new MemoryEnvelopeLog()
    const conversation = sampleConversation(1)
    const startMs = clock.now()
    await log.append({ conversation, envelope: sampleEnvelope({ conversation, number: 1 }), position: positionAtTime(startMs) }, [])
    const count = async (): Promise<number> => (await log.read(conversation, positionAtTime(0), 10)).length
    let isConfirmed = true
    const retention = new Retention({
      clock, positions: { nowMs: () => startMs + clock.monotonicMs() }, clockLease: { acquire: () => Promise.resolve(isConfirmed) }, logs: [log], logger: silentLogger,
    })
    clock.stepWall(2 * LIMITS.retentionMs)
    await retention.look()
    expect(await count()).toBe(1)
    isConfirmed = false
    clock.suspend(2 * LIMITS.retentionMs)
    await retention.look()
    expect(await count()).toBe(1)
    isConfirmed = true
    const looking = retention.look()
    await clock.advance(1_000)
    await looking
    expect(await count()).toBe(0)
  })
})
