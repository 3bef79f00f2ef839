import { describe, expect, it } from 'vitest'
import { durationText, secondsOf } from './about-message.js'

describe('times of messages that disappear', () => {
  it('are read as people write them, and written back in the largest unit', () => {
    const times = [['off', 0], ['30s', 30], ['5m', 300], ['8h', 28_800], ['7d', 604_800], ['4w', 2_419_200], ['90m', 5_400]] as const
    for (const [text, seconds] of times) expect(secondsOf(text)).toBe(seconds)
    expect([30, 60, 5_400, 86_400, 604_800, 1_209_600].map(durationText)).toEqual(['30 seconds', '1 minute', '90 minutes', '1 day', '1 week', '2 weeks'])
  })

  it('are refused when they are none, or more than a year', () => {
    for (const text of ['', '0s', '5', '5 m', '-5m', '1.5h', '53w', '99999999w', 'on']) {
      expect(() => secondsOf(text), text).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
    }
  })
})
