import type { CborValue } from './cbor.js'
import { compareBytes, hexOf } from './bytes.js'
import { EvegramError } from './errors.js'
import { ID_BYTES, idBytes, parseDeviceId, type DeviceId } from './ids.js'
import { LIMITS } from './limits.js'

/** Bounds of what the devices of one account tell each other of their state; units last. */
export const STATE_LIMITS = {
  /** Characters of the key of a register. */
  keyCharactersMax: 128,
  /** Bytes of one value: a draft may be as long as a message. */
  valueBytesMax: LIMITS.textBytesMax + 64,
  /** Devices that the clock of one register names, and devices whose writes it holds. */
  clockDevicesMax: 256,
  /** Bytes of the values of one register: far more than the devices of an account write at a time. */
  registerBytesMax: 1_048_576,
  /** Registers of one payload. */
  registersMax: 512,
} as const

/** How far a conversation was read: the place of a message in its order. */
export interface ReadPlace {
  readonly order: bigint
  readonly device: DeviceId
  readonly epoch: number
  readonly number: number
}

/** What one device wrote into a register. */
export interface StateWrite {
  readonly device: DeviceId
  /** Number of the write in the log of its device: 1, 2, 3, ... over all its registers. */
  readonly number: number
  /** Hybrid time in ms since 1970: the clock of the device, raised above what it had seen of the register. */
  readonly timeMs: number
  /** CBOR; empty bytes take the value back. */
  readonly value: Uint8Array
}

/**
 * A register in which the last writer wins. `clock` names, for each device, up to which number its writes are superseded; `writes` are those that nothing
 * supersedes: one, or several where devices wrote without knowing of each other. All writes of one device into it up to its number in the clock are covered.
 */
export interface LatestRegister {
  readonly type: 'latest'
  readonly key: string
  readonly clock: ReadonlyMap<DeviceId, number>
  /** At least one; at most one of each device. */
  readonly writes: readonly StateWrite[]
}

/** A register that only rises: how far a conversation was read. */
export interface HighestRegister {
  readonly type: 'highest'
  readonly key: string
  readonly place: ReadPlace
}

/** What one key of the state holds. Which of the two it is follows from the key, see {@link registerTypeOf}. */
export type StateRegister = LatestRegister | HighestRegister

const KEY = /^([a-z]{1,32}(?:\.[a-z]{1,32}){0,2})\/[a-z0-9][a-z0-9._-]{0,95}$/
const INVALID = 'invalid.payload' as const
const TIME_MS_MAX = 2 ** 48 - 1

/** The family of a key: what stands before its slash. Undefined for a text that is no key. */
export function stateFamilyOf(key: string): string | undefined {
  return key.length > STATE_LIMITS.keyCharactersMax ? undefined : KEY.exec(key)?.[1]
}

/** How the register of a key merges: `read/...` only rises, in every other the last writer wins, also in those that only newer versions know. */
export function registerTypeOf(key: string): StateRegister['type'] {
  return key.startsWith('read/') ? 'highest' : 'latest'
}

/** The CBOR value of a register, for payloads and for the store. */
export function registerValue(register: StateRegister): CborValue {
  if (register.type === 'highest') {
    const { order, device, epoch, number } = register.place
    return [register.key, order, idBytes(device), epoch, number]
  }
  const clock = [...register.clock].map(([device, number]): [Uint8Array, number] => [idBytes(device), number]).sort(([left], [right]) => compareBytes(left, right))
  const writes = register.writes
    .map(({ device, number, timeMs, value }): [Uint8Array, number, number, Uint8Array] => [idBytes(device), number, timeMs, value])
    .sort(([left], [right]) => compareBytes(left, right))
  return [register.key, clock, writes]
}

/**
 * Reads a register. Throws `invalid.payload` for one of another shape: devices that are not in ascending order, a write that its own clock supersedes, a number
 * or time out of range.
 */
export function readRegister(value: CborValue): StateRegister {
  const parts = listOf(value, 5)
  const [key, ...rest] = parts
  if (typeof key !== 'string' || stateFamilyOf(key) === undefined) return refuse('key')
  if (registerTypeOf(key) === 'highest') {
    if (parts.length !== 5) return refuse('place')
    const [order, device, epoch, number] = rest
    return { type: 'highest', key, place: { order: orderOf(order), device: deviceOf(device), epoch: uintOf(epoch, 0xffffffff), number: uintOf(number) } }
  }
  if (parts.length !== 3) return refuse('register')
  const clock = new Map<DeviceId, number>()
  let last: DeviceId | undefined
  for (const entry of listOf(rest[0], STATE_LIMITS.clockDevicesMax)) {
    const [device, number, more] = listOf(entry, 2)
    if (more !== undefined) refuse('clock')
    const known = deviceOf(device)
    refuseUnlessAscending(last, known)
    last = known
    clock.set(known, positiveOf(number))
  }
  const writes: StateWrite[] = []
  for (const entry of listOf(rest[1], STATE_LIMITS.clockDevicesMax)) {
    const [device, number, timeMs, bytes] = listOf(entry, 4)
    if (!(bytes instanceof Uint8Array) || bytes.length > STATE_LIMITS.valueBytesMax) return refuse('value')
    const write = { device: deviceOf(device), number: positiveOf(number), timeMs: uintOf(timeMs, TIME_MS_MAX), value: bytes }
    refuseUnlessAscending(writes.at(-1)?.device, write.device)
    if (write.number <= (clock.get(write.device) ?? 0)) refuse('a write that its clock supersedes')
    writes.push(write)
  }
  return writes.length === 0 ? refuse('a register without a write') : { type: 'latest', key, clock, writes }
}

function refuse(expected: string): never {
  throw new EvegramError(INVALID, { operation: 'read state', details: { expected } })
}

function listOf(value: CborValue | undefined, lengthMax: number): readonly (CborValue | undefined)[] {
  if (!Array.isArray(value) || value.length > lengthMax) return refuse('list')
  // Array.isArray widens readonly arrays to any[]; the type of `value` is known.
  return value as readonly CborValue[]
}

function deviceOf(value: CborValue | undefined): DeviceId {
  return value instanceof Uint8Array && value.length === ID_BYTES ? parseDeviceId(hexOf(value)) : refuse('device')
}

function uintOf(value: CborValue | undefined, max: number = Number.MAX_SAFE_INTEGER): number {
  return typeof value === 'number' && value >= 0 && value <= max ? value : refuse('unsigned integer')
}

function positiveOf(value: CborValue | undefined): number {
  const number = uintOf(value)
  return number === 0 ? refuse('numbers from 1') : number
}

function orderOf(value: CborValue | undefined): bigint {
  if (typeof value === 'number' && value >= 0) return BigInt(value)
  return typeof value === 'bigint' && value >= 0n && value < 2n ** 64n ? value : refuse('order')
}

/** Hex and bytes of ids have the same order. */
function refuseUnlessAscending(last: DeviceId | undefined, next: DeviceId): void {
  if (last !== undefined && last >= next) refuse('devices in ascending order')
}
