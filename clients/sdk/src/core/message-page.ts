import type { ConversationId } from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import type { Message } from './message.js'
import { decodeMessage, MESSAGE_PREFIX, messageRowKey } from './message-row.js'

/** A message, as the place that it has in its conversation. */
export type MessagePlace = Pick<Message, 'order' | 'fromDevice' | 'epoch' | 'number'>

/** Which stored messages to read. With neither: the newest. */
export interface HistoryPlace {
  /** Only messages before this one: the newest of those. */
  readonly before?: MessagePlace
  /** Only messages behind this one: the oldest of those. Ignored where `before` is given. */
  readonly after?: MessagePlace
}

/** Rows of one read. */
const PAGE_ROWS = 500

/** At most `limit` stored messages of a conversation at `place`, in their order, the oldest first. Costs what it returns, however long the conversation is. */
export async function readMessagePage(store: Pick<LocalStore, 'list'>, conversation: ConversationId, limit: number, { before, after }: HistoryPlace = {}): Promise<readonly Message[]> {
  const prefix = `${MESSAGE_PREFIX}${conversation}/`
  const isForward = before === undefined && after !== undefined
  // The smallest key behind that of `after`.
  let from = isForward ? `${messageRowKey({ ...after, conversation })} ` : prefix
  let to = before === undefined ? `${prefix}~` : messageRowKey({ ...before, conversation })
  const read: Message[] = []
  while (read.length < limit) {
    const rows = await store.list('messages', { from, to, reverse: !isForward, limit: Math.min(PAGE_ROWS, limit - read.length) })
    for (const { key, value } of rows) {
      read.push(decodeMessage(value))
      if (isForward) from = `${key} `
      else to = key
    }
    if (rows.length === 0) break
  }
  return isForward ? read : read.reverse()
}
