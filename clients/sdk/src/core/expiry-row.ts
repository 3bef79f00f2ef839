import { parseMessageId, textOf, utf8, type ConversationId, type MessageId } from '@evegram/protocol'
import type { Message } from './message.js'
import { sortable } from './sortable.js'
import type { Transaction } from './transaction.js'
import type { LocalStore } from '../store/local-store.js'

/** Start of the keys in table `messages` of messages that disappear: time and message id follow. */
const DUE_PREFIX = 'e/'
/** Start of the keys there of messages that disappear so long after they are read, and were not: conversation, order key and message id follow. */
const UNREAD_PREFIX = 'w/'

/** A message that disappears, and when. */
export interface Due {
  readonly key: string
  readonly atMs: number
  readonly messageId: MessageId
}

/** A message that will disappear when it was read. */
export interface Unread {
  readonly key: string
  readonly conversation: ConversationId
  /** Key of its row in table `messages`. */
  readonly rowKey: string
}

/** Notes when a message disappears, or that this is counted from reading. Nothing for one that stays. */
export function noteExpiry(tx: Transaction, message: Omit<Message, 'arrival'>, rowKey: string): void {
  const { conversation, order, messageId, expiresIn, expiresAtMs } = message
  if (expiresAtMs !== undefined) tx.put('messages', `${DUE_PREFIX}${sortable(expiresAtMs)}/${messageId}`, new Uint8Array(1))
  else if (expiresIn !== undefined) tx.put('messages', `${UNREAD_PREFIX}${conversation}/${sortable(order, 16)}/${messageId}`, utf8(rowKey))
}

/** Removes what {@link noteExpiry} noted. */
export function removeExpiry(tx: Transaction, { conversation, order, messageId, expiresIn, expiresAtMs }: Message): void {
  if (expiresAtMs !== undefined) tx.remove('messages', `${DUE_PREFIX}${sortable(expiresAtMs)}/${messageId}`)
  if (expiresIn !== undefined) tx.remove('messages', `${UNREAD_PREFIX}${conversation}/${sortable(order, 16)}/${messageId}`)
}

/** The messages that disappear next, the first first. */
export async function listDue(store: Pick<LocalStore, 'list'>, limit: number): Promise<readonly Due[]> {
  const rows = await store.list('messages', { from: DUE_PREFIX, to: `${DUE_PREFIX}~`, limit })
  return rows.map(({ key }) => {
    const [, time = '', id = ''] = key.split('/')
    return { key, atMs: Number.parseInt(time, 16), messageId: parseMessageId(id) }
  })
}

/** Messages that wait to be read, behind `after` in order of their keys; of one conversation only those up to an order key. */
export async function listUnread(
  store: Pick<LocalStore, 'list'>, limit: number, { after, upTo }: { readonly after?: string; readonly upTo?: { readonly conversation: ConversationId; readonly order: bigint } },
): Promise<readonly Unread[]> {
  const from = upTo === undefined ? UNREAD_PREFIX : `${UNREAD_PREFIX}${upTo.conversation}/`
  const to = upTo === undefined ? `${UNREAD_PREFIX}~` : `${UNREAD_PREFIX}${upTo.conversation}/${sortable(upTo.order, 16)}/~`
  const rows = await store.list('messages', { from: after === undefined ? from : `${after} `, to, limit })
  // The id in the key was written by noteExpiry.
  return rows.map(({ key, value }) => ({ key, conversation: key.split('/')[1] as ConversationId, rowKey: textOf(value) }))
}
