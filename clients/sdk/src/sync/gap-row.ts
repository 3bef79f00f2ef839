import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseAccountId, parseConversationId, parseDeviceId,
  type AccountId, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import type { Transaction } from '../core/transaction.js'
import { sortable } from '../core/sortable.js'

/** A chain with missing numbers that are not named yet. */
export interface GapRow {
  readonly conversation: ConversationId
  readonly account: AccountId
  readonly device: DeviceId
  readonly epoch: number
  readonly nextAtMs: number
}

/** Prefix of open gaps in table `healing`. */
export const GAP_PREFIX = 'g/'

/** Key of an open gap in table `healing`. */
export function gapKey(conversation: ConversationId, device: DeviceId, epoch: number): string {
  return `${GAP_PREFIX}${conversation}/${device}/${sortable(epoch, 8)}`
}

/** Writes a row. */
export function writeGap(tx: Transaction, row: GapRow): void {
  tx.put('healing', gapKey(row.conversation, row.device, row.epoch), encodeCbor({
    conversation: idBytes(row.conversation), account: idBytes(row.account), device: idBytes(row.device), epoch: row.epoch, next: row.nextAtMs,
  }))
}

/** Throws `client.store` on a row of another shape. */
export function decodeGap(bytes: Uint8Array): GapRow {
  const fields = new CborFields(decodeCbor(bytes, 4_096), 'client.store')
  return {
    conversation: parseConversationId(hexOf(fields.bytes('conversation', 16))),
    account: parseAccountId(hexOf(fields.bytes('account', 16))),
    device: parseDeviceId(hexOf(fields.bytes('device', 16))),
    epoch: fields.uint('epoch'),
    nextAtMs: fields.uint('next'),
  }
}
