import { concatBytes } from '@evegram/protocol'
import { SignalRefusal } from './signal-refusal.js'

/** The two types of fields that Signal messages have: varints of 32 bits and length-delimited bytes. */
export type FieldType = 'number' | 'bytes'

/** The fields of a message that was read. */
export interface ProtobufFields {
  /** The number of the field, 0 when absent as protobuf 3 has it. */
  number(field: number): number
  /** The bytes of the field, which must be there. */
  bytes(field: number): Uint8Array
}

const VARINT = 0
const LENGTH_DELIMITED = 2

/** Reads a message strictly: each field of `types` at most once and with its type, no other fields. Throws {@link SignalRefusal} `malformed`. */
export function readFields(bytes: Uint8Array, types: Readonly<Record<number, FieldType>>): ProtobufFields {
  const numbers = new Map<number, number>()
  const byteStrings = new Map<number, Uint8Array>()
  let offset = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[offset++]
      if (byte === undefined) throw new SignalRefusal('malformed')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value > 0xffff_ffff) throw new SignalRefusal('malformed')
        return value
      }
    }
    throw new SignalRefusal('malformed')
  }
  while (offset < bytes.length) {
    const tag = varint()
    const field = tag >>> 3
    const type = types[field]
    if (type === undefined || numbers.has(field) || byteStrings.has(field) || (tag & 7) !== (type === 'number' ? VARINT : LENGTH_DELIMITED)) {
      throw new SignalRefusal('malformed')
    }
    const value = varint()
    if (type === 'number') {
      numbers.set(field, value)
      continue
    }
    if (value > bytes.length - offset) throw new SignalRefusal('malformed')
    byteStrings.set(field, bytes.subarray(offset, offset + value))
    offset += value
  }
  return {
    number: (field) => numbers.get(field) ?? 0,
    bytes(field) {
      const value = byteStrings.get(field)
      if (value === undefined) throw new SignalRefusal('malformed')
      return value
    },
  }
}

function varintOf(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Uint8Array.from([...bytes, rest])
}

/** A message of the given fields, in ascending order of their numbers; zeros are written too, as libsignal does. Numbers are unsigned 32-bit. */
export function writeFields(fields: readonly (readonly [field: number, value: number | Uint8Array])[]): Uint8Array {
  return concatBytes(...fields.flatMap(([field, value]) => (typeof value === 'number'
    ? [varintOf(field * 8 + VARINT), varintOf(value)]
    : [varintOf(field * 8 + LENGTH_DELIMITED), varintOf(value.length), value])))
}
