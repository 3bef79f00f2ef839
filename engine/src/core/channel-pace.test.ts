import { describe, expect, it } from 'vitest'
import { ChannelPace, POSTS_OF_FULL_WRITE } from './channel-pace.js'

const FOLLOWERS = 1_000

describe('posts of a channel that are not stored yet', () => {
  it('wait for nothing while the followers may be written to', () => {
    const pace = new ChannelPace()
    expect(pace.gatherMs(1_000, FOLLOWERS, 1)).toBe(0)
    pace.wrote(1_000, FOLLOWERS, 1)
    expect(pace.gatherMs(1_100, FOLLOWERS, 1)).toBe(0)
    pace.wrote(1_100, 20, 1)
    expect(pace.gatherMs(1_101, 20, 1)).toBe(0)
  })

  it('wait for others behind a write, for 16 ms at most, and are stored before the next write', () => {
    const pace = new ChannelPace()
    pace.wrote(1_000, FOLLOWERS, 1)
    for (let ms = 0; ms <= 40; ms++) {
      const [gatherMs, writeMs] = [pace.gatherMs(1_000 + ms, FOLLOWERS, 1), pace.writeWaitMs(1_000 + ms, FOLLOWERS)]
      expect(gatherMs).toBeLessThanOrEqual(16)
      if (gatherMs > 0) expect(gatherMs).toBeLessThanOrEqual(writeMs - 5)
      if (ms < 14) expect(gatherMs).toBe(16)
    }
  })

  it('wait no more once they are a full write together with those that are stored', () => {
    const pace = new ChannelPace()
    pace.wrote(1_000, FOLLOWERS, 1)
    expect(pace.gatherMs(1_001, FOLLOWERS, POSTS_OF_FULL_WRITE - 1)).toBeGreaterThan(0)
    expect(pace.gatherMs(1_001, FOLLOWERS, POSTS_OF_FULL_WRITE)).toBe(0)
  })

  it('of an author who waits for each answer wait in vain once in a second', () => {
    const pace = new ChannelPace()
    let waitedMs = 0
    for (let nowMs = 10_000; nowMs < 15_000; nowMs += 3) {
      const waitMs = pace.gatherMs(nowMs, FOLLOWERS, 1)
      if (waitMs > 0) {
        waitedMs += waitMs
        nowMs += waitMs
        pace.gathered(nowMs, 1, waitMs)
      }
      if (pace.writeWaitMs(nowMs, FOLLOWERS) === 0) pace.wrote(nowMs, FOLLOWERS, 10)
    }
    expect(waitedMs).toBeGreaterThan(30)
    // Of five seconds; a wait that was cut short by the next write says nothing.
    expect(waitedMs).toBeLessThan(5 * 2 * 16)
  })

  it('that others came to, or that waited a moment only, say nothing about their author', () => {
    const pace = new ChannelPace()
    pace.wrote(1_000, FOLLOWERS, 1)
    pace.gathered(1_016, 2, 16)
    pace.gathered(1_016, 1, 2)
    expect(pace.gatherMs(1_017, FOLLOWERS, 1)).toBeGreaterThan(0)
  })
})
