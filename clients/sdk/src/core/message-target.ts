import { EvegramError, type ConversationId, type MessageTarget } from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import type { Core } from './context.js'
import { OPEN_EDITS_MAX } from './fold-changes.js'
import type { Message } from './message.js'
import { decodeMessage } from './message-row.js'
import { readChanges, writeChanges } from './message-changes.js'
import type { Transaction } from './transaction.js'
import { readHandled } from './handled.js'

/** The target that means `message`. */
export function targetOf({ fromDevice, epoch, number }: Message): MessageTarget {
  return { device: fromDevice, epoch, number }
}

/** A message by its id. Rejects `not_found.message` where the conversation has none that is shown, or one that was given up. */
export async function messageIn(store: LocalStore, conversation: ConversationId, messageId: string): Promise<Message> {
  // An id of another shape is the id of no message.
  const handled = /^[0-9a-f]{32}$/.test(messageId) ? await readHandled(store, messageId as Message['messageId']) : undefined
  const row = handled?.rowKey === undefined ? undefined : await store.get('messages', handled.rowKey)
  const message = row === undefined ? undefined : decodeMessage(row)
  if (message?.conversation !== conversation || message.state === 'failed') throw new EvegramError('not_found.message', { operation: 'find message' })
  return message
}

/** Rejects `limited.queue` while too many edits of a message wait for the server: each of them has to be kept until it stands. */
export async function checkOpenEdits(core: Core, message: Message): Promise<void> {
  const { edits } = await readChanges(core.store, message.conversation, message.messageId)
  const open = (edits.get(core.account) ?? []).filter((said) => said.open)
  if (open.length >= OPEN_EDITS_MAX) throw new EvegramError('limited.queue', { operation: 'edit', details: { openEditsMax: OPEN_EDITS_MAX } })
}

/** Removes what is kept of the edits of a message beside its row: the text that is shown is all that was said. */
export async function forgetEdits(tx: Transaction, message: Message): Promise<void> {
  const changes = await readChanges(tx, message.conversation, message.messageId)
  const edits = [...changes.edits].map(([account, register]) => [account, register.map((said) => ({ ...said, value: { ...said.value, text: '' } }))] as const)
  writeChanges(tx, message.conversation, message.messageId, { ...changes, edits: new Map(edits) })
}
