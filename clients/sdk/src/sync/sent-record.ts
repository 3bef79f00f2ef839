import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseAccountId, parseDeviceId,
  type CborValue, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import type { Recipient } from './seal.js'

/** An own message as it was sent, kept so that it can be sent again to a device that it was meant for. */
export interface SentRecord {
  /** The payload without recipient, encoded. */
  readonly template: Uint8Array
  /** Devices that it was meant for. */
  readonly recipients: readonly Recipient[]
  readonly atMs: number
}

/** How long sent messages are kept for resends. */
export const SENT_KEPT_MS = 7 * 24 * 3_600_000

/** Start of the keys of all sent records in table `healing`. */
export const SENT_PREFIX = 's/'

/** Prefix of the sent records of a conversation in table `healing`. */
export function sentPrefix(conversation: ConversationId): string {
  return `${SENT_PREFIX}${conversation}/`
}

/** Key of a sent record in table `healing`. */
export function sentKey(conversation: ConversationId, number: number): string {
  return `${sentPrefix(conversation)}${sortable(number)}`
}

/** Writes a record. */
export function writeSent(tx: Transaction, conversation: ConversationId, number: number, record: SentRecord): void {
  tx.put('healing', sentKey(conversation, number), encodeCbor({
    template: record.template, atMs: record.atMs,
    recipients: record.recipients.map(({ account, device }) => [idBytes(account), idBytes(device)]),
  }))
}

/** The record of an own message, if it is still kept. */
export async function readSent(source: Pick<Transaction, 'get'>, conversation: ConversationId, number: number): Promise<SentRecord | undefined> {
  const bytes = await source.get('healing', sentKey(conversation, number))
  return bytes === undefined ? undefined : decodeSent(bytes)
}

/** Throws `client.store` on a row of another shape. */
export function decodeSent(bytes: Uint8Array): SentRecord {
  const fields = new CborFields(decodeCbor(bytes, 1_048_576), 'client.store')
  return {
    template: fields.bytes('template', { lengthMax: 65_536 }),
    atMs: fields.uint('atMs'),
    recipients: fields.list('recipients', 4_096).map((pair) => {
      const [account, device] = Array.isArray(pair) ? (pair as readonly CborValue[]) : []
      if (!(account instanceof Uint8Array) || !(device instanceof Uint8Array)) return fields.fail('recipient')
      return { account: parseAccountId(hexOf(account)), device: parseDeviceId(hexOf(device)) }
    }),
  }
}

/** Whether a record names `device`. */
export function wasMeantFor(record: SentRecord, device: DeviceId): boolean {
  return record.recipients.some((recipient) => recipient.device === device)
}
