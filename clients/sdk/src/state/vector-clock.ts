import { STATE_LIMITS, type DeviceId } from '@evegram/protocol'

/** For each device the number up to which its writes are known; 0 for those that it does not name. */
export type VectorClock = ReadonlyMap<DeviceId, number>

/** One write: which of its device. */
export interface Dot {
  readonly device: DeviceId
  readonly number: number
}

/** Whether `clock` knows a write. */
export function covers(clock: VectorClock, { device, number }: Dot): boolean {
  return number <= (clock.get(device) ?? 0)
}

/** The clock that knows what either knows. */
export function joinClocks(one: VectorClock, other: VectorClock): Map<DeviceId, number> {
  const joined = new Map(one)
  for (const [device, number] of other) if (number > (joined.get(device) ?? 0)) joined.set(device, number)
  return joined
}

/** The clock that knows these writes too. */
export function advanceClock(clock: VectorClock, dots: readonly Dot[]): Map<DeviceId, number> {
  return joinClocks(clock, new Map(dots.map(({ device, number }) => [device, number])))
}

/**
 * The clock within `STATE_LIMITS.clockDevicesMax`. Devices that were revoked keep their place, since what they wrote may come late out of a snapshot of another
 * device; only where devices came and went more often than that, those that `isActive` does not name are left out, the ones that wrote least first.
 */
export function boundClock(clock: VectorClock, isActive: (device: DeviceId) => boolean): VectorClock {
  const surplus = clock.size - STATE_LIMITS.clockDevicesMax
  if (surplus <= 0) return clock
  const leaving = [...clock].sort(([left, few], [right, many]) => Number(isActive(left)) - Number(isActive(right)) || few - many || (left < right ? -1 : 1))
  const left = new Set(leaving.slice(0, surplus).map(([device]) => device))
  return new Map([...clock].filter(([device]) => !left.has(device)))
}
