import { LIMITS } from '@evegram/protocol'

/** Beyond the server's own bound: how far server clocks may be apart when a message is looked at. */
export const ORDER_TOLERANCE_MS = 5_000

/** Smallest order key of a millisecond (ms since 1970): the upper 48 bits are the time, the lower 16 a counter. */
export function orderAtTime(timeMs: number): bigint {
  return BigInt(Math.max(0, Math.floor(timeMs))) << 16n
}

/**
 * Order key of the next own message: server time now, or just above everything seen in the conversation (`floor`), whichever is
 * higher. It is fixed before the first transmission; retries keep it. So own messages keep the order in which they were sent,
 * and an answer never stands above what it answers.
 */
export function nextOrder(nowMs: number, floor: bigint): bigint {
  const time = orderAtTime(nowMs)
  return time > floor ? time : floor + 1n
}

/**
 * The floor after a message with the order key `seen` was shown. A key further ahead than an honest server lets through does not
 * raise it: a malicious peer (with the help of a server) could otherwise push every later message of the conversation into the
 * future, where the server refuses it. Such a message stays where it claims to be, at the end, until time has passed it.
 */
export function raiseFloor(floor: bigint, seen: bigint, nowMs: number): bigint {
  return seen > floor && seen <= raiseCeiling(nowMs) ? seen : floor
}

/** The highest order key that raises a floor at `nowMs`. */
export function raiseCeiling(nowMs: number): bigint {
  return orderAtTime(nowMs + LIMITS.orderAheadMsMax + ORDER_TOLERANCE_MS)
}
