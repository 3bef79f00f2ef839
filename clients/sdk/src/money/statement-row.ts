import { CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseAccountId } from '@evegram/protocol'
import type { StatementKind, StatementLine } from '../api/wally-api.js'
import { sortable } from '../core/sortable.js'
import type { Transaction } from '../core/transaction.js'
import type { LocalStore } from '../store/local-store.js'

// Keys in table `payments`: `l/<asset>/<number>` a line, `t/<transfer>/<kind>` its key, `c/<asset>` how far the statement was followed, `n/<asset>` how far it was told,
// `p/<transfer>` the message that showed it as paid, `b/` that all assets held at the first look were told. Assets and transfer ids are ASCII without blanks.

const KINDS: readonly StatementKind[] = ['transfer', 'pending', 'post', 'void', 'expire']
const ROW_BYTES_MAX = 2_048
const NUMBER_DIGITS = 14
const BEGUN_KEY = 'b/'
/** Characters of the longest asset and the longest transfer id. */
const TEXT_CHARACTERS_MAX = 256

/** Key of a line. */
function lineKey({ asset, number }: Pick<StatementLine, 'asset' | 'number'>): string {
  return `l/${asset}/${sortable(number, NUMBER_DIGITS)}`
}

/** Stages a line, to be found by its transfer too. */
export function writeLine(tx: Transaction, line: StatementLine): void {
  const { asset, number, atMs, transfer, kind, side, amount, heldAfter, availableAfter, other } = line
  tx.put('payments', lineKey(line), encodeCbor({
    asset, number, atMs, transfer, kind: KINDS.indexOf(kind), credit: side === 'credit', amount: amount.toString(), heldAfter: heldAfter.toString(),
    availableAfter: availableAfter.toString(), ...(other === undefined ? {} : { other: idBytes(other) }),
  }))
  if (kind === 'transfer') tx.put('payments', `t/${transfer}`, new TextEncoder().encode(lineKey(line)))
}

/** The line by which `transfer` moved money at once; undefined when the statement, as far as it was followed, has none. Rejects `client.store`. */
export async function readTransferLine(source: Pick<Transaction, 'get'>, transfer: string): Promise<StatementLine | undefined> {
  const key = await source.get('payments', `t/${transfer}`)
  const row = key === undefined ? undefined : await source.get('payments', new TextDecoder().decode(key))
  return row === undefined ? undefined : decodeLine(row)
}

/** The newest `limit` lines of an asset as far as it was followed, the newest first. Rejects `client.store`. */
export async function listLines(store: Pick<LocalStore, 'list'>, asset: string, limit: number): Promise<readonly StatementLine[]> {
  const rows = await store.list('payments', { from: `l/${asset}/`, to: `l/${asset}/~`, reverse: true, limit })
  return rows.map(({ value }) => decodeLine(value))
}

function decodeLine(row: Uint8Array): StatementLine {
  const fields = new CborFields(decodeCbor(row, ROW_BYTES_MAX), 'client.store')
  return {
    asset: fields.text('asset', TEXT_CHARACTERS_MAX), number: fields.uint('number'), atMs: fields.uint('atMs'), transfer: fields.text('transfer', TEXT_CHARACTERS_MAX),
    kind: KINDS[fields.uint('kind', KINDS.length - 1)] ?? fields.fail('kind'), side: fields.boolean('credit') ? 'credit' : 'debit', amount: digits(fields, 'amount'),
    heldAfter: digits(fields, 'heldAfter'), availableAfter: digits(fields, 'availableAfter'),
    // Rows of before do not name it.
    ...(fields.has('other') ? { other: parseAccountId(hexOf(fields.bytes('other', 16))) } : {}),
  }
}

function digits(fields: CborFields, name: string): bigint {
  const text = fields.text(name, 64)
  return /^[0-9]+$/.test(text) ? BigInt(text) : fields.fail(name)
}

/** Number of the newest line of an asset that was taken over; undefined before the first time. */
export async function readFollowed(source: Pick<Transaction, 'get'>, asset: string): Promise<number | undefined> {
  const row = await source.get('payments', `c/${asset}`)
  return row === undefined ? undefined : new CborFields(decodeCbor(row, 64), 'client.store').uint('last')
}

/** Stages how far the statement of an asset was followed. */
export function writeFollowed(tx: Transaction, asset: string, last: number): void {
  tx.put('payments', `c/${asset}`, encodeCbor({ last }))
}

/** Number of the newest line of an asset that was told as a notice; undefined before the first time. */
export async function readTold(source: Pick<Transaction, 'get'>, asset: string): Promise<number | undefined> {
  const row = await source.get('payments', `n/${asset}`)
  return row === undefined ? undefined : new CborFields(decodeCbor(row, 64), 'client.store').uint('last')
}

/** Stages how far the lines of an asset were told. */
export function writeTold(tx: Transaction, asset: string, last: number): void {
  tx.put('payments', `n/${asset}`, encodeCbor({ last }))
}

/** Whether all assets that were held at the first look were told: what is held for the first time afterwards is news. */
export async function readBegun(source: Pick<Transaction, 'get'>): Promise<boolean> {
  return (await source.get('payments', BEGUN_KEY)) !== undefined
}

/** Stages that all assets held at the first look were told. */
export function writeBegun(tx: Transaction): void {
  tx.put('payments', BEGUN_KEY, new Uint8Array([1]))
}

/** Up to `limit` lines of an asset behind number `after`, the oldest first. Rejects `client.store`. */
export async function listLinesBehind(store: Pick<LocalStore, 'list'>, asset: string, after: number, limit: number): Promise<readonly StatementLine[]> {
  const rows = await store.list('payments', { from: lineKey({ asset, number: after + 1 }), to: `l/${asset}/~`, limit })
  return rows.map(({ value }) => decodeLine(value))
}

/** The message that showed `transfer` as paid: one, for ever. */
export async function readShownAs(source: Pick<Transaction, 'get'>, transfer: string): Promise<string | undefined> {
  const row = await source.get('payments', `p/${transfer}`)
  return row === undefined ? undefined : new TextDecoder().decode(row)
}

/** Stages that `message` showed `transfer` as paid. */
export function writeShownAs(tx: Transaction, transfer: string, message: string): void {
  tx.put('payments', `p/${transfer}`, new TextEncoder().encode(message))
}
