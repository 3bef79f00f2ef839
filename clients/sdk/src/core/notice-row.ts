import {
  CborFields, decodeAccountNotice, decodeCbor, encodeCbor, messageIdOf, noticeHeaderOf, LIMITS, type AccountNotice, type AccountNoticeKind, type MessageId,
} from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import { sortable } from './sortable.js'
import type { Transaction } from './transaction.js'

/**
 * Something that the server told the own account, signed by its wallet bridge. It points to a line of the own statement and is no proof of it: what was
 * paid is what `Client.wallet` says of `transfer`.
 */
export interface ServerNotice {
  readonly messageId: MessageId
  readonly kind: AccountNoticeKind
  /** As the wallet bridge names it, `<chain>/<token>`. */
  readonly asset: string
  /** In the smallest unit of the asset. */
  readonly amount: bigint
  /** The transfer in the own statement that it is about. */
  readonly transfer: string
  /** Of a deposit and of a paid payout: the transaction on the chain. */
  readonly transaction?: string
  /** When it was booked, in ms since 1970, clock of the server. */
  readonly atMs: number
  /** Number of the event in the books of the server; that of the line in the statement. */
  readonly number: number
  /** When this device committed it, in ms since 1970, server time. */
  readonly receivedAtMs: number
  /** Where the profile committed it among all its notices: 1, 2, 3, ... */
  readonly arrival: number
  /** Nobody has read it, as far as was known when it was listed or told. */
  readonly unread: boolean
}

/** Where a notice stands among all of its account. */
export type NoticePlace = Pick<ServerNotice, 'atMs' | 'number' | 'messageId'>

/** Start of the keys of notices in table `messages`, beside messages. */
const NOTICE_PREFIX = 'n/'
/** Notices of different books that may have one number and one time. */
const SAME_PLACE_MAX = 16
const COUNTS = 'notices'
const ROW_BYTES_MAX = LIMITS.noticeBytesMax + 256

/** How many notices the profile has, and up to which they were read. */
export interface NoticeCounts {
  readonly last: number
  readonly read: number
}

/** The counts as `source` sees them. */
export async function readNoticeCounts(source: Pick<Transaction, 'get'>): Promise<NoticeCounts> {
  const row = await source.get('meta', COUNTS)
  if (row === undefined) return { last: 0, read: 0 }
  const fields = new CborFields(decodeCbor(row, 64), 'client.store')
  return { last: fields.uint('last'), read: fields.uint('read') }
}

/** Writes the counts. */
export function writeNoticeCounts(tx: Transaction, { last, read }: NoticeCounts): void {
  tx.put('meta', COUNTS, encodeCbor({ last, read }))
}

/** Adds a notice that was opened, under the next arrival; `encoded` are its bytes. Resolves with it as it is shown, and the key of its row. */
export async function addNotice(tx: Transaction, notice: AccountNotice, encoded: Uint8Array, receivedAtMs: number): Promise<{ readonly shown: ServerNotice; readonly key: string }> {
  const { last, read } = await readNoticeCounts(tx)
  const arrival = last + 1
  const { order, device, number } = noticeHeaderOf(notice)
  const key = `${NOTICE_PREFIX}${sortable(order, 16)}/${sortable(number)}/${device}`
  tx.put('messages', key, encodeCbor({ notice: encoded, receivedAtMs, arrival }))
  writeNoticeCounts(tx, { last: arrival, read })
  return { shown: shownNotice(notice, receivedAtMs, arrival, true), key }
}

/** The newest `limit` notices in their order, the oldest first. Throws `client.store` on a row of another shape. */
export async function listNotices(store: Pick<LocalStore, 'get' | 'list'>, limit: number): Promise<readonly ServerNotice[]> {
  const { read } = await readNoticeCounts(store)
  const rows = await store.list('messages', { from: NOTICE_PREFIX, to: `${NOTICE_PREFIX}~`, reverse: true, limit })
  return rows.map(({ value }) => decodeRow(value, read)).reverse()
}

/** At most `limit` notices behind `after`, or from the oldest one on, in their order. None: none is behind it. Throws `client.store` on a row of another shape. */
export async function listNoticesAfter(store: Pick<LocalStore, 'get' | 'list'>, after: NoticePlace | undefined, limit: number): Promise<readonly ServerNotice[]> {
  const { read } = await readNoticeCounts(store)
  const from = after === undefined ? NOTICE_PREFIX : `${NOTICE_PREFIX}${sortable(BigInt(after.atMs) << 16n, 16)}/${sortable(after.number)}/`
  const rows = await store.list('messages', { from, to: `${NOTICE_PREFIX}~`, limit: limit + SAME_PLACE_MAX })
  const notices = rows.map(({ value }) => decodeRow(value, read))
  // Books of two sources may give one number at one time: the id alone says which it was.
  const first = notices.findIndex(({ messageId }) => messageId === after?.messageId) + 1
  return notices.slice(first, first + limit)
}

function decodeRow(row: Uint8Array, read: number): ServerNotice {
  const fields = new CborFields(decodeCbor(row, ROW_BYTES_MAX), 'client.store')
  const [receivedAtMs, arrival] = [fields.uint('receivedAtMs'), fields.uint('arrival')]
  return shownNotice(decodeAccountNotice(fields.bytes('notice', { lengthMax: LIMITS.noticeBytesMax })), receivedAtMs, arrival, arrival > read)
}

function shownNotice(notice: AccountNotice, receivedAtMs: number, arrival: number, unread: boolean): ServerNotice {
  const { kind, asset, amount, transfer, transaction, atMs, number } = notice
  return {
    messageId: messageIdOf(noticeHeaderOf(notice)), kind, asset, amount: BigInt(amount), transfer, ...(transaction === undefined ? {} : { transaction }), atMs, number, receivedAtMs, arrival, unread,
  }
}
