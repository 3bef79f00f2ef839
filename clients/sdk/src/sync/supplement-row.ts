import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseConversationId, parseDeviceId, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'

/** Devices that a message has not reached, although it was meant for them. */
export interface Unreached {
  readonly conversation: ConversationId
  /** The device that said it, which is revoked by now and of the own account; absent: this one. */
  readonly author?: DeviceId
  readonly number: number
  readonly devices: readonly DeviceId[]
  readonly firstAtMs: number
}

/** As it is kept: with the time at which it is tried again. */
export interface SupplementRow extends Unreached {
  readonly nextAtMs: number
  /** Those of the devices that asked for the message: it is sent to them within the limits of answers. */
  readonly asked: readonly DeviceId[]
}

/** Prefix of these rows in table `healing`. */
export const SUPPLEMENT_PREFIX = 'x/'

/** What a row is about. */
type Subject = Pick<Unreached, 'conversation' | 'author' | 'number'>

function keyOf({ conversation, author, number }: Subject): string {
  return `${SUPPLEMENT_PREFIX}${conversation}/${sortable(number)}${author === undefined ? '' : `/${author}`}`
}

/** The row of a message, if there is one. */
export async function readSupplement(tx: Pick<Transaction, 'get'>, subject: Subject): Promise<SupplementRow | undefined> {
  const bytes = await tx.get('healing', keyOf(subject))
  return bytes === undefined ? undefined : decodeSupplement(bytes)
}

/** Writes a row, or removes it when no device is left. */
export function writeSupplement(tx: Transaction, row: SupplementRow): void {
  const key = keyOf(row)
  if (row.devices.length === 0) {
    tx.remove('healing', key)
    return
  }
  tx.put('healing', key, encodeCbor({
    conversation: idBytes(row.conversation), number: row.number, devices: row.devices.map((device) => idBytes(device)), first: row.firstAtMs, next: row.nextAtMs,
    ...(row.author === undefined ? {} : { author: idBytes(row.author) }),
    ...(row.asked.length === 0 ? {} : { asked: row.asked.map((device) => idBytes(device)) }),
  }))
}

/** Throws `client.store` on a row of another shape. */
export function decodeSupplement(bytes: Uint8Array): SupplementRow {
  const fields = new CborFields(decodeCbor(bytes, 262_144), 'client.store')
  const devices = (name: string): DeviceId[] => fields.list(name, 4_096).map((id) => parseDeviceId(id instanceof Uint8Array ? hexOf(id) : fields.fail('device')))
  return {
    ...(fields.has('author') ? { author: parseDeviceId(hexOf(fields.bytes('author', 16))) } : {}),
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))),
    number: fields.uint('number'),
    devices: devices('devices'),
    firstAtMs: fields.uint('first'),
    nextAtMs: fields.uint('next'),
    asked: fields.has('asked') ? devices('asked') : [],
  }
}
