import { CborFields, type CborValue } from './cbor.js'
import { hexOf } from './bytes.js'
import { ID_BYTES, idBytes, parseDeviceId, type DeviceId } from './ids.js'
import { LIMITS } from './limits.js'

/** A message of the same conversation that another one is about. With the conversation it is the key of that message, whether or not it arrived. */
export interface MessageTarget {
  readonly device: DeviceId
  /** From 1: control traffic is no message. */
  readonly epoch: number
  /** From 1. */
  readonly number: number
}

/** What a message may carry beside what it says. */
export interface SaidWith {
  /** The message that it answers. */
  readonly reply?: MessageTarget
  /** Seconds after which it disappears, from 1 to `LIMITS.disappearSecondsMax`: counted from sending at its sender, from reading at others. */
  readonly expiresIn?: number
}

/** CBOR of a target. */
export function targetMap({ device, epoch, number }: MessageTarget): CborValue {
  return { device: idBytes(device), epoch, number }
}

/** Reads a target. Throws `invalid.payload`. */
export function readTarget(value: CborValue): MessageTarget {
  const fields = new CborFields(value, 'invalid.payload')
  const target = {
    device: parseDeviceId(hexOf(fields.bytes('device', ID_BYTES))), epoch: fields.uint('epoch', 0xffffffff), number: fields.uint('number'),
  }
  fields.end()
  if (target.epoch === 0 || target.number === 0) fields.fail('a numbered message')
  return target
}

/** CBOR fields of what a message carries beside what it says. */
export function saidWithFields({ reply, expiresIn }: SaidWith): Record<string, CborValue> {
  return { ...(reply === undefined ? {} : { reply: targetMap(reply) }), ...(expiresIn === undefined ? {} : { expiresIn }) }
}

/** Reads those fields. Throws `invalid.payload`. */
export function readSaidWith(fields: CborFields): SaidWith {
  const expiresIn = fields.has('expiresIn') ? fields.uint('expiresIn', LIMITS.disappearSecondsMax) : undefined
  if (expiresIn === 0) return fields.fail('expiresIn: from 1')
  return { ...(fields.has('reply') ? { reply: readTarget(fields.value('reply')) } : {}), ...(expiresIn === undefined ? {} : { expiresIn }) }
}
