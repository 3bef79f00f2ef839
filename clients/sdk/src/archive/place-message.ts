import { equalBytes } from '@evegram/protocol'
import type { Handled } from '../core/handled.js'
import { NO_CHANGES, writeChanges } from '../core/message-changes.js'
import type { Message } from '../core/message.js'
import { addMessage, decodeMessage, encodeMessage, messageRowKey } from '../core/message-row.js'
import type { Transaction } from '../core/transaction.js'

/**
 * Adds a message that this device read itself; `hash` is its chain hash. One that an archive showed before (`before` says so) keeps its row, with what was
 * said about it since, when it is the same message; otherwise what the device read counts. Either way it stays outside of the order of arrivals, in which it was
 * never new.
 */
export async function placeMessage(tx: Transaction, before: Handled | undefined, hash: Uint8Array, message: Omit<Message, 'arrival'>): Promise<Message> {
  if (before?.status !== 'archived') return addMessage(tx, message)
  const row = before.rowKey === undefined ? undefined : await tx.get('messages', before.rowKey)
  const read = row !== undefined && equalBytes(before.chainHash, hash) ? sameAsRead(decodeMessage(row)) : { ...message, arrival: 0 }
  const key = messageRowKey(read)
  if (before.rowKey !== undefined && before.rowKey !== key) tx.remove('messages', before.rowKey)
  // What was said about another message says nothing about this one.
  if (!equalBytes(before.chainHash, hash)) writeChanges(tx, message.conversation, message.messageId, NO_CHANGES)
  tx.put('messages', key, encodeMessage(read))
  return read
}

function sameAsRead(archived: Message): Message {
  const { fromArchive: _fromArchive, ...message } = archived
  return message
}
