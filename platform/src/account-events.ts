import {
  bytesOfHex, CborFields, decodeCbor, encodeCbor, EvegramError, hexOf, ID_BYTES, idBytes, LIMITS, parseAccountId, parseDeviceId,
  type AccountId, type CborValue, type DeviceId,
} from '@evegram/protocol'
import { subjectOf } from './bus.js'

/** Where every instance of auth publishes what happened to accounts, and every engine node listens. */
export const ACCOUNT_EVENTS_SUBJECT = subjectOf('evegram', 'events', 'accounts')
/** How often an instance of auth says its last number. */
export const ACCOUNT_HEARTBEAT_MS = 500
/** An instance that was silent for longer without goodbye may have said something that was lost. */
export const ACCOUNT_SILENCE_MS = 2_000
/**
 * How long a node may rely on what it was told of an account, counted from before it asked (rule 10). Auth acknowledges a change only when this has
 * passed since the change was durable: then no node goes by the state before it.
 */
export const ACCOUNT_LEASE_MS = 1_000

/** Largest event packet: every device of an account revoked at once, with room. */
export const ACCOUNT_EVENT_BYTES_MAX = 1_024
/** Bytes that name one start of an instance of auth. */
export const SENDER_BYTES = 8

const VERSION = 1

/** Something that happened to an account. */
export type AccountEvent =
  | { readonly kind: 'log'; readonly account: AccountId; readonly seq: number; readonly revokedDevices: readonly DeviceId[]; readonly closed: boolean }
  | { readonly kind: 'session_revoked'; readonly account: AccountId; readonly device: DeviceId }
  | { readonly kind: 'prekeys_low'; readonly account: AccountId; readonly device: DeviceId; readonly remaining: number }

/**
 * What an instance of auth says. `event`: something happened, under the next number. `alive`: its last number is this, every
 * {@link ACCOUNT_HEARTBEAT_MS}. `left`: its last number was this, it says no more.
 */
export type AccountPacket = {
  /** Names one start of one instance, in hex. */
  readonly sender: string
  /** Events count from 1. */
  readonly number: number
} & ({ readonly kind: 'event'; readonly event: AccountEvent } | { readonly kind: 'alive' | 'left' })

/** The bytes of a packet: deterministic CBOR. Nodes of one cluster may run neighbouring versions: fields are only ever added. */
export function encodeAccountPacket(packet: AccountPacket): Uint8Array {
  const head = { v: VERSION, from: bytesOfHex(packet.sender), n: packet.number }
  if (packet.kind !== 'event') return encodeCbor({ ...head, k: packet.kind })
  return encodeCbor({ ...head, ...fieldsOf(packet.event) })
}

/** Reads a packet. Throws `invalid.cbor` for anything that {@link encodeAccountPacket} would not write, fields that are not known yet aside. */
export function decodeAccountPacket(bytes: Uint8Array): AccountPacket {
  const fields = new CborFields(decodeCbor(bytes, ACCOUNT_EVENT_BYTES_MAX), 'invalid.cbor')
  if (fields.uint('v') !== VERSION) fields.fail('version 1')
  const head = { sender: hexOf(fields.bytes('from', SENDER_BYTES)), number: fields.uint('n') }
  const kind = fields.text('k', 16)
  if (kind === 'alive' || kind === 'left') return { ...head, kind }
  const account = parseAccountId(hexOf(fields.bytes('a', ID_BYTES)))
  switch (kind) {
    case 'log': {
      const revokedDevices = fields.list('r', LIMITS.devicesPerAccountMax).map(deviceOf)
      return { ...head, kind: 'event', event: { kind, account, seq: fields.uint('s', 0xffff_ffff), revokedDevices, closed: fields.boolean('c') } }
    }
    case 'session_revoked': return { ...head, kind: 'event', event: { kind, account, device: deviceOf(fields.value('d')) } }
    case 'prekeys_low':
      return { ...head, kind: 'event', event: { kind, account, device: deviceOf(fields.value('d')), remaining: fields.uint('left', 0xffff) } }
    default: return fields.fail('a known kind')
  }
}

function fieldsOf(event: AccountEvent): Readonly<Record<string, CborValue>> {
  const a = idBytes(event.account)
  switch (event.kind) {
    case 'log': return { k: event.kind, a, s: event.seq, r: event.revokedDevices.map(idBytes), c: event.closed }
    case 'session_revoked': return { k: event.kind, a, d: idBytes(event.device) }
    case 'prekeys_low': return { k: event.kind, a, d: idBytes(event.device), left: event.remaining }
    default: return event satisfies never
  }
}

function deviceOf(value: CborValue): DeviceId {
  if (!(value instanceof Uint8Array) || value.length !== ID_BYTES) throw new EvegramError('invalid.cbor', { operation: 'read device' })
  return parseDeviceId(hexOf(value))
}
