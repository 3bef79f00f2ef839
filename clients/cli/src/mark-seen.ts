import { directConversationIdOf } from '@evegram/protocol'
import type { Client, Conversation, Message } from '@evegram/sdk'
import type { Output } from './output.js'

/** A conversation that can be marked as read. */
type Readable = Pick<Conversation, 'markRead'>

/** What it needs of a client. */
export type SeenClient = Pick<Client, 'account' | 'conversation' | 'group'>

/** Conversations that are kept at hand, so that a line costs no look for its conversation; past it they are looked for again. */
const OPEN_MAX = 64

/**
 * Marks messages as read that a person has seen: those that were printed on a terminal. A pipe, a file or `--json` is no person, and `tells` false (`--no-read`) keeps it to
 * oneself. With the setting `receipts.read` the authors are told.
 */
export function markSeen(client: SeenClient, output: Pick<Output, 'isSeen'>, tells: boolean): (message: Message) => Promise<void> {
  const open = new Map<string, Readable>()
  return async (message) => {
    if (!tells || !output.isSeen || message.direction === 'out' || message.stranger === true) return
    const known = open.get(message.conversation) ?? await conversationOf(client, message)
    if (open.size >= OPEN_MAX) open.clear()
    open.set(message.conversation, known)
    await known.markRead(message.messageId)
  }
}

function conversationOf(client: SeenClient, { conversation, fromAccount }: Message): Promise<Readable> {
  return directConversationIdOf(client.account, fromAccount) === conversation ? client.conversation(fromAccount) : client.group(conversation)
}
