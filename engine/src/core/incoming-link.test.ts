import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { ASK_AGAIN_MS, IncomingLink } from './incoming-link.js'

describe('IncomingLink', () => {
  it('is confirmed by a peer whose every packet came', () => {
    const link = new IncomingLink(1, 0)
    link.arrived(1)
    link.arrived(2)
    link.confirm(2, 700)
    expect([link.confirmedUntilMs, link.complete]).toEqual([700, true])
  })

  it('asks for what is missing between packets and behind the last one, and is not confirmed before the answer', () => {
    const link = new IncomingLink(1, 0)
    link.arrived(1)
    link.arrived(4)
    link.confirm(6, 700)
    expect(link.confirmedUntilMs).toBe(0)
    expect(link.questions(10)).toEqual({ ask: [expect.objectContaining({ first: 2, last: 3 }), expect.objectContaining({ first: 5, last: 6 })], lost: false })
    link.resolve(2, 3)
    link.confirm(6, 800)
    expect(link.confirmedUntilMs).toBe(0)
    link.resolve(5, 6)
    link.confirm(6, 900)
    expect(link.confirmedUntilMs).toBe(900)
  })

  it('notices that the very first packets are missing', () => {
    const link = new IncomingLink(1, 0)
    link.arrived(3)
    expect(link.questions(0).ask).toMatchObject([{ first: 1, last: 2 }])
  })

  it('takes a packet that comes late as the answer for its number', () => {
    const link = new IncomingLink(1, 0)
    link.arrived(5)
    expect(link.arrived(3)).toBe(true)
    expect(link.questions(0).ask).toMatchObject([{ first: 1, last: 2 }, { first: 4, last: 4 }])
    expect(link.arrived(5)).toBe(false)
    for (const number of [1, 2, 4]) link.arrived(number)
    expect(link.complete).toBe(true)
  })

  it('asks again after a while, three times, and is lost then', () => {
    const link = new IncomingLink(1, 0)
    link.arrived(2)
    expect(link.questions(0).ask).toHaveLength(1)
    expect(link.questions(ASK_AGAIN_MS - 1)).toEqual({ ask: [], lost: false })
    expect(link.questions(ASK_AGAIN_MS).ask).toHaveLength(1)
    expect(link.questions(2 * ASK_AGAIN_MS).ask).toHaveLength(1)
    expect(link.questions(3 * ASK_AGAIN_MS)).toEqual({ ask: [], lost: true })
    expect(link.complete).toBe(true)
    expect(link.questions(9 * ASK_AGAIN_MS)).toEqual({ ask: [], lost: false })
  })

  it('is lost at once when more ranges are missing than it remembers', () => {
    const link = new IncomingLink(1, 0)
    for (let number = 2; number <= 140; number += 2) link.arrived(number)
    expect(link.questions(0)).toEqual({ ask: [], lost: true })
  })

  it('is complete exactly when every number up to the last arrived or was answered, whatever the order', () => {
    fc.assert(fc.property(fc.shuffledSubarray(Array.from({ length: 30 }, (_, index) => index + 1)), (arrivals) => {
      const link = new IncomingLink(1, 0)
      for (const number of arrivals) link.arrived(number)
      const last = Math.max(0, ...arrivals)
      expect(link.complete).toBe(arrivals.length === last)
      const missing = link.questions(0).ask.flatMap(({ first, last: end }) => Array.from({ length: end - first + 1 }, (_, index) => first + index))
      expect([...missing, ...arrivals].sort((one, other) => one - other)).toEqual(Array.from({ length: last }, (_, index) => index + 1))
    }))
  })
})
