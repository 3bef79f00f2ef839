import { EvegramError, type ConversationId } from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import type { Message } from './message.js'
import { decodeMessage, MESSAGE_PREFIX } from './message-row.js'

/** Choices of `Client.search`. */
export interface SearchOptions {
  /** Messages that one call finds at most: 50 when absent, 200 at most. */
  readonly limit?: number
  /** In this conversation alone. */
  readonly conversation?: ConversationId
  /** Goes on where a call before ended. */
  readonly from?: string
}

/** What one call found. */
export interface SearchPage {
  /** By conversation, the newest of each first. */
  readonly messages: readonly Message[]
  /** Where the next call goes on; absent when everything was looked through. A page may be empty and have one. */
  readonly next?: string
}

const LIMIT_DEFAULT = 50
const LIMIT_MAX = 200
/** Messages that one call looks through: some tens of milliseconds. */
const ROWS_PER_CALL_MAX = 5_000
const PAGE_ROWS = 250
/** Longest text that is looked for, in UTF-16 units. */
const TEXT_MAX = 256

/** Accents and case make no difference. */
function folded(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{Mark}/gu, '').toLowerCase()
}

/**
 * Looks for a text in stored messages, row by row: there is no index, so nothing of what was said is anywhere but in its row, and what is removed is not found any more. Throws
 * `invalid.argument` for an empty or overlong text, or a place that no call gave.
 */
export async function searchMessages(store: Pick<LocalStore, 'list'>, text: string, options: SearchOptions = {}): Promise<SearchPage> {
  const { limit = LIMIT_DEFAULT, conversation, from } = options
  const wanted = folded(text.trim())
  const prefix = conversation === undefined ? MESSAGE_PREFIX : `${MESSAGE_PREFIX}${conversation}/`
  const isPlace = from === undefined || from.startsWith(prefix)
  if (wanted === '' || text.length > TEXT_MAX || !isPlace || !Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new EvegramError('invalid.argument', { operation: 'search' })
  }
  const messages: Message[] = []
  let to = from ?? `${prefix}~`
  for (let looked = 0; looked < ROWS_PER_CALL_MAX;) {
    const rows = await store.list('messages', { from: prefix, to, reverse: true, limit: PAGE_ROWS })
    for (const { key, value } of rows) {
      to = key
      const message = decodeMessage(value)
      if (!folded(message.text).includes(wanted)) continue
      messages.push(message)
      if (messages.length === limit) return { messages, next: to }
    }
    if (rows.length < PAGE_ROWS) return { messages }
    looked += rows.length
  }
  return { messages, next: to }
}
