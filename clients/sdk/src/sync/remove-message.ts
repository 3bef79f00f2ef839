import type { MessageId } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { removeExpiry } from '../core/expiry-row.js'
import { readHandled, writeHandled } from '../core/handled.js'
import type { Message } from '../core/message.js'
import { arrivalKey, decodeMessage } from '../core/message-row.js'
import { changesKey, readChanges } from '../core/message-changes.js'
import type { Transaction } from '../core/transaction.js'
import { forgetSent } from './take-change.js'

/**
 * Stages that a message is gone from this device: its row, what was said about it, and what is kept for sending it again (where the server does not have it
 * yet, as soon as it has). That it was handled stays, so nothing brings it back. Resolves with the message, if there was one.
 */
export async function removeMessage(core: Core, tx: Transaction, messageId: MessageId): Promise<Message | undefined> {
  const handled = await readHandled(tx, messageId)
  const row = handled?.rowKey === undefined ? undefined : await tx.get('messages', handled.rowKey)
  if (handled?.rowKey === undefined || row === undefined) return undefined
  const message = decodeMessage(row)
  forgetSent(core, tx, message, await readChanges(tx, message.conversation, messageId))
  tx.remove('messages', handled.rowKey)
  tx.remove('messages', arrivalKey(message.arrival))
  tx.remove('messages', changesKey(message.conversation, messageId))
  removeExpiry(tx, message)
  const { rowKey: _rowKey, ...rest } = handled
  writeHandled(tx, messageId, rest)
  return message
}
