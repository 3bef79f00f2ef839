import { describe, expect, it } from 'vitest'
import { AdaptiveWidth } from './adaptive-width.js'

const times = (count: number, work: () => void): void => { for (let index = 0; index < count; index++) work() }

describe('the width of a set-up', () => {
  it('grows with successes to its bound and no further', () => {
    const width = new AdaptiveWidth(4, 12)
    times(21, () => { width.succeeded() })
    expect(width.now).toBe(8)
    times(1_000, () => { width.succeeded() })
    expect(width.now).toBe(12)
  })

  it('halves with every failure, and lets one go on', () => {
    const width = new AdaptiveWidth(8, 64)
    width.failed()
    expect(width.now).toBe(4)
    times(10, () => { width.failed() })
    expect(width.now).toBe(1)
  })

  it('does not begin above its bound', () => {
    expect(new AdaptiveWidth(8, 2).now).toBe(2)
  })
})
