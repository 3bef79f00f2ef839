import {
  CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseAccountId, parseConversationId, parseDeviceId, RECEIPT_CHAINS_MAX,
  type AccountId, type CborValue, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import { sortable } from './sortable.js'
import { NO_NUMBERS, numberSet, type NumberSet } from './number-set.js'
import type { Transaction } from './transaction.js'

/** A chain of an own device in a conversation. */
export interface OwnChainKey {
  readonly conversation: ConversationId
  readonly device: DeviceId
  readonly epoch: number
}

/** What another account received and read of one own chain: there is one row for each, however long the chain is. */
export interface ReceiptRow extends OwnChainKey {
  readonly account: AccountId
  readonly received: NumberSet
  readonly read: NumberSet
}

/** What a device owes the others of a conversation: receipts that were not sent yet. */
export interface OwedReceipts {
  readonly conversation: ConversationId
  /** Devices of which something came. */
  readonly received: ReadonlySet<DeviceId>
  /** Highest numbers that were read, by the device that wrote them. */
  readonly read: ReadonlyMap<DeviceId, number>
}

/** Ranges that a row keeps at most: each device of an account names 64, and their union has hardly ever more. A receipt that leads beyond changes nothing. */
export const RECEIPT_RANGES_MAX = 256

/** Start of the keys in table `chains` of what others received and read: conversation, device and epoch of the own chain, and the other account follow. */
export const RECEIPT_PREFIX = 't/'
const OWED_PREFIX = 'd/'
const ROW_BYTES_MAX = 65_536
const PAGE_ROWS = 500

function chainPart({ conversation, device, epoch }: OwnChainKey): string {
  return `${RECEIPT_PREFIX}${conversation}/${device}/${sortable(epoch, 8)}/`
}

/** What an account received and read of a chain, as `source` sees it. */
export async function readReceipt(source: Pick<Transaction, 'get'>, chain: OwnChainKey, account: AccountId): Promise<ReceiptRow> {
  const bytes = await source.get('chains', `${chainPart(chain)}${account}`)
  return bytes === undefined ? { ...chain, account, received: NO_NUMBERS, read: NO_NUMBERS } : decodeReceipt(`${chainPart(chain)}${account}`, bytes)
}

/** Writes the row. */
export function writeReceipt(tx: Transaction, row: ReceiptRow): void {
  tx.put('chains', `${chainPart(row)}${row.account}`, encodeCbor({ received: numbersValue(row.received), read: numbersValue(row.read) }))
}

/** What everybody received and read of the own chains of a conversation: as many rows as own devices that wrote, times accounts that answered. */
export async function listReceipts(store: Pick<LocalStore, 'list'>, conversation: ConversationId): Promise<readonly ReceiptRow[]> {
  const prefix = `${RECEIPT_PREFIX}${conversation}/`
  const rows: ReceiptRow[] = []
  for (let from = prefix, more = true; more;) {
    const page = await store.list('chains', { from, to: `${prefix}~`, limit: PAGE_ROWS })
    for (const { key, value } of page) {
      rows.push(decodeReceipt(key, value))
      from = `${key} `
    }
    more = page.length === PAGE_ROWS
  }
  return rows
}

/** The row under a key of table `chains`. Throws `client.store` on a row of another shape. */
export function decodeReceipt(key: string, bytes: Uint8Array): ReceiptRow {
  const [, conversation = '', device = '', epoch = '', account = ''] = key.split('/')
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  return {
    conversation: parseConversationId(conversation), device: parseDeviceId(device), epoch: Number.parseInt(epoch, 16), account: parseAccountId(account),
    received: readNumbers(fields, 'received'), read: readNumbers(fields, 'read'),
  }
}

/** As [upTo, from, to, from, to, ...]. */
function numbersValue({ upTo, missing }: NumberSet): CborValue {
  return [upTo, ...missing.flatMap(({ from, to }) => [from, to])]
}

function readNumbers(fields: CborFields, name: string): NumberSet {
  const numbers = fields.list(name, 1 + 2 * RECEIPT_RANGES_MAX).map((value) => (typeof value === 'number' ? value : fields.fail(name)))
  const [upTo = 0, ...ends] = numbers
  return numberSet(upTo, Array.from({ length: ends.length >> 1 }, (_, at) => ({ from: ends[2 * at] ?? 0, to: ends[2 * at + 1] ?? 0 })))
}

/** What is owed in a conversation, as `source` sees it; undefined where nothing is. */
export async function readOwed(source: Pick<Transaction, 'get'>, conversation: ConversationId): Promise<OwedReceipts | undefined> {
  const bytes = await source.get('chains', `${OWED_PREFIX}${conversation}`)
  return bytes === undefined ? undefined : decodeOwed(conversation, bytes)
}

/** Writes what is owed; nothing any more removes the row. */
export function writeOwed(tx: Transaction, { conversation, received, read }: OwedReceipts): void {
  const key = `${OWED_PREFIX}${conversation}`
  if (received.size === 0 && read.size === 0) tx.remove('chains', key)
  else tx.put('chains', key, encodeCbor({ received: [...received].map((device) => idBytes(device)), read: [...read].map(([device, number]) => [idBytes(device), number]) }))
}

/** Conversations in which something is owed. */
export async function listOwed(store: Pick<LocalStore, 'list'>): Promise<readonly ConversationId[]> {
  const found: ConversationId[] = []
  for (let from = OWED_PREFIX, more = true; more;) {
    const page = await store.list('chains', { from, to: `${OWED_PREFIX}~`, limit: PAGE_ROWS })
    for (const { key } of page) {
      found.push(parseConversationId(key.slice(OWED_PREFIX.length)))
      from = `${key} `
    }
    more = page.length === PAGE_ROWS
  }
  return found
}

function decodeOwed(conversation: ConversationId, bytes: Uint8Array): OwedReceipts {
  const fields = new CborFields(decodeCbor(bytes, ROW_BYTES_MAX), 'client.store')
  const deviceOf = (value: CborValue | undefined): DeviceId => (value instanceof Uint8Array ? parseDeviceId(hexOf(value)) : fields.fail('device'))
  return {
    conversation, received: new Set(fields.list('received', RECEIPT_CHAINS_MAX).map(deviceOf)),
    read: new Map(fields.list('read', RECEIPT_CHAINS_MAX).map((pair) => {
      // Array.isArray widens readonly arrays to any[]; what is in it is checked.
      const [device, number] = Array.isArray(pair) ? (pair as readonly CborValue[]) : []
      return [deviceOf(device), typeof number === 'number' ? number : fields.fail('number')]
    })),
  }
}
