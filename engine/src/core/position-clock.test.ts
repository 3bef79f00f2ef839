import { comparePositions } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from './cluster.fixture.js'
import { PositionClock, SLEW_RATE_MAX } from './position-clock.js'

const START = 1_790_000_000_000

/** A clock whose wall a test may step. */
class SteppedClock extends VirtualClock {
  stepMs = 0
  override now(): number {
    return super.now() + this.stepMs
  }
}

describe('PositionClock', () => {
  it('is anchored to wall time once: a step of the wall never moves it', () => {
    const clock = new SteppedClock(START)
    const positions = new PositionClock(clock, 1, 0)
    clock.suspend(1_000)
    clock.stepMs = -3_600_000
    expect(positions.nowMs()).toBe(START + 1_000)
    clock.stepMs = 3_600_000
    expect(positions.nowMs()).toBe(START + 1_000)
  })

  it('starts above the largest position time that the store has seen', () => {
    expect(new PositionClock(new VirtualClock(START), 1, START + 5_000).nowMs()).toBe(START + 5_001)
    expect(new PositionClock(new VirtualClock(START), 1, START - 5_000).nowMs()).toBe(START)
  })

  it('gives rising positions, also many in one millisecond, and across one', () => {
    const clock = new VirtualClock(START)
    const positions = new PositionClock(clock, 7, 0)
    const made = Array.from({ length: 5_000 }, (_, index) => {
      if (index % 700 === 0) clock.suspend(0.5)
      return positions.next()
    })
    for (const [index, position] of made.slice(1).entries()) {
      const before = made[index]
      if (before !== undefined) expect(comparePositions(before, position)).toBeLessThan(0)
    }
    expect(new Set(made.map(({ incarnation }) => incarnation))).toEqual(new Set([7]))
  })

  it('works an offset off by slewing at most 0.1 %, in both directions', () => {
    for (const [offsetMs, rate] of [[400, SLEW_RATE_MAX], [-400, -SLEW_RATE_MAX], [5, 0.0005], [-5, -0.0005]] as const) {
      const clock = new VirtualClock(START)
      const positions = new PositionClock(clock, 1, 0)
      expect(positions.discipline(offsetMs)).toBe(0)
      expect(positions.nowMs()).toBe(START)
      clock.suspend(10_000)
      expect(positions.nowMs() - START - 10_000).toBeCloseTo(10_000 * rate, 3)
    }
  })

  it('jumps forward when it is far behind, and never back', () => {
    const clock = new VirtualClock(START)
    const positions = new PositionClock(clock, 1, 0)
    const before = positions.next()
    expect(positions.discipline(7_200_000)).toBe(7_200_000)
    expect(positions.nowMs()).toBe(START + 7_200_000)
    expect(positions.discipline(-7_200_000)).toBe(0)
    const after = positions.next()
    expect(after.timeMs - before.timeMs).toBe(7_200_000)
    clock.suspend(1_000)
    expect(positions.nowMs()).toBeCloseTo(START + 7_200_000 + 999, 6)
  })
})
