import { compareBytes, STATE_LIMITS, type HighestRegister, type LatestRegister, type ReadPlace, type StateRegister, type StateWrite } from '@evegram/protocol'
import { raiseTime } from './hybrid-time.js'
import { advanceClock, boundClock, covers, joinClocks, type Dot } from './vector-clock.js'

/**
 * What two devices know of one key, put together. Commutative, associative and idempotent: whatever states are merged, in whatever order and however often, the
 * result says the same. A write that was made in the knowledge of another supersedes it for ever, whatever the clocks of the devices say.
 */
export function mergeRegisters(one: StateRegister, other: StateRegister): StateRegister {
  if (one.type === 'highest' || other.type === 'highest') {
    // The key decides the type, so both are of one.
    if (one.type !== 'highest' || other.type !== 'highest') throw new TypeError('registers of two types')
    return comparePlaces(one.place, other.place) >= 0 ? one : other
  }
  const kept = new Map<string, StateWrite>()
  for (const write of one.writes) if (!covers(other.clock, write)) kept.set(write.device, write)
  for (const write of other.writes) {
    const twin = kept.get(write.device)
    // Two of one device, neither knowing of the other, no honest device makes. As clocks cover numbers from the lowest, the highest stands on every device.
    if (!covers(one.clock, write) && (twin === undefined || isLaterOfDevice(write, twin))) kept.set(write.device, write)
  }
  return { type: 'latest', key: one.key, clock: joinClocks(one.clock, other.clock), writes: inOrder([...kept.values()]) }
}

/** The write that counts among those that nothing supersedes: the latest by hybrid time, of two at the same time that of the higher device. */
export function winnerOf(register: LatestRegister): StateWrite {
  const [first, ...rest] = register.writes
  if (first === undefined) throw new TypeError('a register without a write')
  return rest.reduce((best, write) => (isAbove(write, best) ? write : best), first)
}

/** Total order of writes of different devices that do not know of each other: hybrid time, then device. */
function isAbove(left: StateWrite, right: StateWrite): boolean {
  return left.timeMs === right.timeMs ? left.device > right.device : left.timeMs > right.timeMs
}

/** Of two writes of one device: the higher number, and where it said two things under one number any order that is the same everywhere. */
function isLaterOfDevice(left: StateWrite, right: StateWrite): boolean {
  if (left.number !== right.number) return left.number > right.number
  return left.timeMs === right.timeMs ? compareBytes(left.value, right.value) > 0 : left.timeMs > right.timeMs
}

function inOrder(writes: StateWrite[]): StateWrite[] {
  return writes.sort((left, right) => (left.device < right.device ? -1 : 1))
}

/** A write of this device. */
export interface NextWrite extends Dot {
  readonly nowMs: number
  /** CBOR; empty takes the value back. */
  readonly value: Uint8Array
}

/** The register after a write of a device that knows `before`: it supersedes everything that is in there. */
export function writeLatest(key: string, before: LatestRegister | undefined, write: NextWrite): LatestRegister {
  const { device, number, nowMs, value } = write
  const seen = before?.writes ?? []
  return {
    type: 'latest', key, clock: advanceClock(before?.clock ?? new Map<Dot['device'], number>(), seen),
    writes: [{ device, number, timeMs: raiseTime(nowMs, seen.map(({ timeMs }) => timeMs)), value }],
  }
}

/**
 * The register within `STATE_LIMITS.clockDevicesMax` and `STATE_LIMITS.registerBytesMax`, see {@link boundClock}. Of writes that do not know of each other those that win stay: the same value is shown.
 */
export function boundRegister(register: StateRegister, isActive: (device: Dot['device']) => boolean): StateRegister {
  if (register.type === 'highest') return register
  const { clockDevicesMax, registerBytesMax } = STATE_LIMITS
  const { clock, writes } = register
  const bytes = writes.reduce((sum, { value }) => sum + value.length, 0)
  if (clock.size <= clockDevicesMax && writes.length <= clockDevicesMax && bytes <= registerBytesMax) return register
  let room = registerBytesMax
  const kept = [...writes].sort((left, right) => (isAbove(left, right) ? -1 : 1)).slice(0, clockDevicesMax).filter(({ value }) => (room -= value.length) >= 0)
  return { ...register, clock: boundClock(clock, isActive), writes: inOrder(kept) }
}

/** The register after a device read up to `place`: never less than before. */
export function raiseHighest(key: string, before: HighestRegister | undefined, place: ReadPlace): HighestRegister {
  return before !== undefined && comparePlaces(before.place, place) >= 0 ? before : { type: 'highest', key, place }
}

/** Order of messages in their conversation: (order, device, epoch, number). */
export function comparePlaces(left: ReadPlace, right: ReadPlace): number {
  if (left.order !== right.order) return left.order < right.order ? -1 : 1
  if (left.device !== right.device) return left.device < right.device ? -1 : 1
  return left.epoch - right.epoch || left.number - right.number
}
