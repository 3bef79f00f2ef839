import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS, orderTimeMs } from '@evegram/protocol'
import { nextOrder, ORDER_TOLERANCE_MS, orderAtTime, raiseFloor } from './order-clock.js'

const times = fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 })

describe('the order clock', () => {
  it('gives each own message a higher key than the one before, whatever the clock does', () => {
    fc.assert(fc.property(fc.array(times, { minLength: 2, maxLength: 50 }), (clock) => {
      let floor = 0n
      for (const nowMs of clock) {
        const order = nextOrder(nowMs, floor)
        expect(order > floor).toBe(true)
        floor = order
      }
    }))
  })

  it('puts an answer above everything that its writer has seen and an honest server let through', () => {
    fc.assert(fc.property(times, fc.integer({ min: -100_000, max: LIMITS.orderAheadMsMax }), fc.integer({ min: 0, max: 5_000 }), (nowMs, aheadMs, laterMs) => {
      const seen = orderAtTime(nowMs + aheadMs)
      const floor = raiseFloor(0n, seen, nowMs)
      expect(nextOrder(nowMs + laterMs, floor) > seen).toBe(true)
    }))
  })

  it('is not pushed into the future by a key that no honest server lets through', () => {
    fc.assert(fc.property(times, fc.integer({ min: LIMITS.orderAheadMsMax + ORDER_TOLERANCE_MS + 1, max: 2 ** 40 }), (nowMs, aheadMs) => {
      const floor = raiseFloor(5n, orderAtTime(nowMs + aheadMs), nowMs)
      expect(floor).toBe(5n)
      expect(orderTimeMs(nextOrder(nowMs, floor))).toBe(nowMs)
    }))
  })
})
