import { LIMITS } from '@evegram/protocol'
import { ORDER_TOLERANCE_MS } from '../sync/order-clock.js'

/**
 * Hybrid time of a write in ms since 1970: now, or just above the times that its device had `seen` in the register. What is further ahead than an honest server lets
 * a message through does not raise it: one device whose clock was wrong must not take all others into its future. Such a write is superseded all the same.
 */
export function raiseTime(nowMs: number, seen: readonly number[]): number {
  const ceilingMs = nowMs + LIMITS.orderAheadMsMax + ORDER_TOLERANCE_MS
  return seen.reduce((timeMs, seenMs) => (seenMs >= timeMs && seenMs <= ceilingMs ? seenMs + 1 : timeMs), Math.max(0, nowMs))
}
