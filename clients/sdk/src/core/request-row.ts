import { CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseAccountId, parseConversationId, type AccountId, type ConversationId } from '@evegram/protocol'
import type { Transaction } from './transaction.js'
import type { LocalStore } from '../store/local-store.js'

/** A conversation that a stranger began, as the profile keeps it until its user decides. */
export interface RequestRow {
  readonly conversation: ConversationId
  /** Who wrote first, or added this account to a group. */
  readonly account: AccountId
  readonly group: boolean
  readonly firstAtMs: number
  /** Messages that are kept. */
  readonly messages: number
  /** Messages beyond the bound: received, and not kept. One, too, for a request that began with something that cannot be read. */
  readonly dropped: number
}

/** Start of the keys of requests in table `conversations`. */
export const REQUEST_PREFIX = 'q/'
const PAGE_ROWS = 500

/** All requests of the profile. */
export async function listRequests(store: Pick<LocalStore, 'list'>): Promise<RequestRow[]> {
  const rows: RequestRow[] = []
  for (let from = REQUEST_PREFIX, more = true; more;) {
    const page = await store.list('conversations', { from, to: `${REQUEST_PREFIX}~`, limit: PAGE_ROWS })
    for (const { key, value } of page) {
      rows.push(decodeRequest(parseConversationId(key.slice(REQUEST_PREFIX.length)), value))
      from = `${key} `
    }
    more = page.length === PAGE_ROWS
  }
  return rows
}

/** The request of a conversation, as `source` sees it. */
export async function readRequest(source: Pick<Transaction, 'get'>, conversation: ConversationId): Promise<RequestRow | undefined> {
  const bytes = await source.get('conversations', `${REQUEST_PREFIX}${conversation}`)
  return bytes === undefined ? undefined : decodeRequest(conversation, bytes)
}

/** Writes the row. */
export function writeRequest(tx: Transaction, { conversation, account, group, firstAtMs, messages, dropped }: RequestRow): void {
  tx.put('conversations', `${REQUEST_PREFIX}${conversation}`, encodeCbor({ account: idBytes(account), group, firstAtMs, messages, dropped }))
}

/** Removes the row. */
export function removeRequest(tx: Transaction, conversation: ConversationId): void {
  tx.remove('conversations', `${REQUEST_PREFIX}${conversation}`)
}

function decodeRequest(conversation: ConversationId, bytes: Uint8Array): RequestRow {
  const fields = new CborFields(decodeCbor(bytes, 1_024), 'client.store')
  return {
    conversation, account: parseAccountId(hexOf(fields.bytes('account', 16))), group: fields.boolean('group'), firstAtMs: fields.uint('firstAtMs'),
    messages: fields.uint('messages'), dropped: fields.uint('dropped'),
  }
}
