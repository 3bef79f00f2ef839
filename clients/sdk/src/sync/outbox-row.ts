import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseConversationId, parseDeviceId, parseMessageId,
  type ConversationId, type DeviceId, type MessageId,
} from '@evegram/protocol'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'

/** An own message that control traffic brings once more to a device. */
export interface Repeat {
  /** Number of the message in the chain. */
  readonly number: number
  readonly device: DeviceId
}

/** An envelope that waits for its acknowledgement. */
export interface OutboxRow {
  /** Place in the outbox: 1, 2, 3, ... */
  readonly seq: number
  readonly conversation: ConversationId
  readonly messageId: MessageId
  /** `void` stands for a number whose message will not be sent. */
  readonly kind: 'message' | 'void' | 'control'
  /** Number in the chain; 0 for control traffic. */
  readonly number: number
  /** The encoded envelope: every transmission sends these bytes. */
  readonly envelope: Uint8Array
  /** How often the server refused it with `stale.devices`. */
  readonly refusals: number
  /** Devices that are still to be encrypted for. */
  readonly missing: readonly DeviceId[]
  /** The server takes nothing of this conversation: tried again only with the next message. */
  readonly parked: boolean
  /** Written without a connection: it has certainly not left. Cleared, durably, before it does; a row without it may have left. */
  readonly held: boolean
  /** Set on control traffic that sends a message again: when the server refuses it, the message still has to get there. */
  readonly repeats?: Repeat
}

const KINDS: readonly OutboxRow['kind'][] = ['message', 'void', 'control']
const SEQ_COUNTER = 'outbox'

/** Key of a row in table `outbox`. */
export function outboxKey(seq: number): string {
  return sortable(seq)
}

/** Writes a row. */
export function writeOutbox(tx: Transaction, row: OutboxRow): void {
  tx.put('outbox', outboxKey(row.seq), encodeCbor({
    seq: row.seq, conversation: idBytes(row.conversation), message: idBytes(row.messageId), kind: KINDS.indexOf(row.kind), number: row.number,
    envelope: row.envelope, refusals: row.refusals, missing: row.missing.map((device) => idBytes(device)), parked: row.parked,
    ...(row.held ? { held: true } : {}),
    ...(row.repeats === undefined ? {} : { repeats: row.repeats.number, repeatsTo: idBytes(row.repeats.device) }),
  }))
}

/** Throws `client.store` on a row of another shape. */
export function decodeOutbox(bytes: Uint8Array): OutboxRow {
  const fields = new CborFields(decodeCbor(bytes, 1_048_576), 'client.store')
  return {
    seq: fields.uint('seq'),
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))),
    messageId: parseMessageId(hexOf(fields.bytes('message', 16))),
    kind: KINDS[fields.uint('kind')] ?? fields.fail('kind'),
    number: fields.uint('number'),
    envelope: fields.bytes('envelope', { lengthMax: 262_144 }),
    refusals: fields.uint('refusals', 2),
    missing: fields.list('missing', 4_096).map((id) => parseDeviceId(id instanceof Uint8Array ? hexOf(id) : fields.fail('device'))),
    parked: fields.boolean('parked'),
    held: fields.has('held'),
    ...(fields.has('repeats')
      ? { repeats: { number: fields.uint('repeats'), device: parseDeviceId(hexOf(fields.bytes('repeatsTo', 16))) } }
      : {}),
  }
}

/** The next free place, taken. */
export async function takeOutboxSeq(tx: Transaction): Promise<number> {
  const row = await tx.get('meta', SEQ_COUNTER)
  const seq = 1 + (row === undefined ? 0 : new CborFields(decodeCbor(row, 64), 'client.store').uint('last'))
  tx.put('meta', SEQ_COUNTER, encodeCbor({ last: seq }))
  return seq
}
